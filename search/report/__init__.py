"""One self-contained page, or Markdown, about a study, or about several side by side.

The road: `facts` reads the store's rows and nothing else, `figures` draws, `page` and `markdown` put both into a text.
The command is `..command_report`.
"""
