"""From a closed segment to its description: what is asked, in which company, and how an answer becomes a record."""
