"""How the learned layer of the de-identifier is made: data, surrogates, training, export, figures.

`python -m training` makes the model that is shipped in bot/deid/model_files; `python -m training.evaluate`
scores an engine. posts/ are for development; held.tar.gz holds posts by five other writers for the
final figures; it was opened once, so that the next figures want new writers. Nothing here is imported at run
time.
"""
