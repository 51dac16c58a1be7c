"""Numbers of the random streams of a source.

One seed makes a corpus; what is drawn for different purposes comes from different streams of that seed, so
that no part of a corpus changes when another one is drawn differently.
"""

SEATS = 1  # the element of each sentence (index: sentence)
CONTENTS = 2  # the values of an element (index: element)
SYNTAX = 3  # attributes and templates, or chain words (index: sentence)
PARAMETERS = 4  # parameters of the syntax, from their prior (index: parameter)
WEIGHTS = 5  # the elements' true frequencies given their counts
NAMES = 6  # the one-to-one map from elements to names (index: round)
ATTRIBUTES = 7  # the attribute of a sentence of chain words (index: sentence)
