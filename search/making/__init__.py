"""How the user's Trainer came to be, and making it anew for each trial.

`watch` sees constructors at work, `call` keeps what one was given, `arguments` that of `TrainingArguments`, `aftermath`
what was done to the Trainer afterwards; `making` is all of it together, and makes a trial's Trainer from it.
"""
