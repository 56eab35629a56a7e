"""Who takes what is inside of a field: the learning rate schedule, the optimizer, checkpointing of activations.

transformers hands such values on as they are, so that one that is not taken ends every trial, or reaches nobody.
`schedule`, `optimizer` and `checkpointing` know what each takes, and really make it; `usual` says what it takes where
nobody says otherwise, and `check` asks for every combination that a space can have.
"""
