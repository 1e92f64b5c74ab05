"""What a person reads of a study: tables, figures, HTML, Markdown, LaTeX. Neither torch nor ray."""
