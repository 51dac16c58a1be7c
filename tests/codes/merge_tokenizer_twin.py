"""Byte-pair merges by score as llama2.c's program does them: the best pair of all, again and again."""

import itertools
import re

UNIT = re.compile(rb"[^\x80-\xbf][\x80-\xbf]{0,3}|[\x80-\xbf]{1,4}")


def encode(texts, scores, first_byte, text):
    ids = {}
    for token, each in enumerate(texts):
        ids.setdefault(each, token)
    tokens = []
    for unit in UNIT.findall(text):
        tokens += [ids[unit]] if unit in ids else [first_byte + value for value in unit]
    while True:
        joined = [ids.get(texts[a] + texts[b]) for a, b in itertools.pairwise(tokens)]
        places = [place for place, token in enumerate(joined) if token is not None]
        if not places:
            return tokens
        best = max(places, key=lambda place: (scores[joined[place]], -place))
        tokens[best : best + 2] = [joined[best]]
