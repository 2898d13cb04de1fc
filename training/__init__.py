"""How the learned layer of the de-identifier is made: data, surrogates, training, export, figures.

`python -m training` makes the model that is shipped in bot/deid/model_files; `python -m training.evaluate`
scores an engine. posts/ are for development; held.tar.gz holds posts by six other writers, opened once, for
the final figures: whoever works on rules, lists or training does not look into it. Nothing here is imported
at run time.
"""
