"""Two or more judges, or one judge with two templates, over the same items: how far they agree, how each is biased, how
consistent it is and what it costs, which is nearer to people, and the leaderboards they make.

``spec`` says who is compared on what, ``running`` makes the judgments that are missing, ``reading`` and ``items`` bring
both sides together, and a module a section measures. ``comparison.compare_judges`` does it all. Statistics are those
of ``workbench.agree`` and ``workbench.rate``.
"""
