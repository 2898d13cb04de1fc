"""What finds identifiers by their form, their cue words and word lists: functions of a Source. Pure.

Each recognizer is a function `(Source) -> Iterable[Hit]` and takes time linear in the length of the text.
"""
