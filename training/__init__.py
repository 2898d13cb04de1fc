"""How the learned layer of the de-identifier is made: data, surrogates, training, export, figures.

`python -m training` makes the model that is shipped in bot/deid/model_files; `python -m training.evaluate`
scores an engine. Nothing here is imported at run time.
"""
