"""How far annotators agree: coefficients with intervals, what is known of each annotator, coverage; computing alone, no files."""
