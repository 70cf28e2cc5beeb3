"""Reading tables that somebody else wrote, of any size and in any state: `reading.read_rows` gives a `rows.RowSource`.

`options` what can be declared about a file; `packed` compressed files and archives, with limits; `encodings` any encoding to UTF-8;
`records` where records of CSV begin and end; `delimited`, `jsonlines`, `columnar` one reader for each format; `writing` streams rows into
partitions. A line that is no row never stops a reader and is never dropped: it becomes a `rows.Reject`.
"""
