"""Texts of strangers that must stay texts."""

HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</td></table><h1>x", "[a](javascript:alert(1))", "![a](http://127.0.0.1/a.png)",
    "@everyone", "@acme/team", "#123", "GH-7", "http://127.0.0.1/x", "https://127.0.0.1/x", "www.example.test", "a@b.example", "`code`", "```\nfence", "| cell | cell",
    "**bold**", "__bold__", "*i*", "_i_", "~~gone~~", "# head", "> quote", "- item", "1. item", "---", "$x^2$", "$$x$$", "<!-- comment -->", "&lt;b&gt;", "&#60;b&#62;",
    "\u202eright to left", "zero\u200bwidth", "\x1b[31mred", "bell\x07", "null\x00", "line\nbreak", "tab\tstop", "\ufeffbom", "<details open>", "\\`", "::: note", "[^1]", "[x]: http://127.0.0.1",
    "[bold red]markup[/]", "{{ x }}", "${{ secrets.X }}", "javascript:alert(1)", "\u2066isolate\u2069", "\U000e0041tag",
    "end", "1. item\n", "click n0 call alert(1)", "%% comment", 'x"]:::same', "#quot;", "</summary></details>",
]  # fmt: skip
