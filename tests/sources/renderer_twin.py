"""The renderer again, slow and readable: from a plan's arrays, and from the templates themselves.

Random numbers are Philox4x32-10 once more, on plain integers.
"""

from string import Formatter

MASK32, MASK64 = 2**32 - 1, 2**64 - 1
SYNTAX_STREAM, ATTRIBUTE_STREAM = 3, 7


def mix64(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK64
    return x ^ (x >> 31)


def stream_key(seed, stream):
    return mix64(seed ^ mix64(stream))


def random_block(key, index, attempt):
    c = [index & MASK32, index >> 32, attempt & MASK32, attempt >> 32]
    k = [key & MASK32, key >> 32]
    for _ in range(10):
        p, q = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(q >> 32) ^ c[1] ^ k[0], q & MASK32, (p >> 32) ^ c[3] ^ k[1], p & MASK32]
        k = [(k[0] + 0x9E3779B9) & MASK32, (k[1] + 0xBB67AE85) & MASK32]
    return c[0] | c[1] << 32, c[2] | c[3] << 32


def draw(key, index):
    """64-bit numbers of one draw, as many as it takes."""
    attempt = 0
    while True:
        yield from random_block(key, index, attempt)
        attempt += 1


def choices(seed, sentence, statements, fixed, probabilities):
    """(attribute, template) of each statement; probabilities[a] is a list."""
    bits = draw(stream_key(seed, SYNTAX_STREAM), sentence)
    left = list(range(len(probabilities)))
    result = []
    for statement in range(statements):
        if fixed:
            attribute = statement
        else:
            place = next(bits) * len(left) >> 64
            attribute = left[place]
            last = left.pop()
            if place < len(left):
                left[place] = last
        unit, total = (next(bits) >> 11) * 2.0**-53, 0.0
        template = len(probabilities[attribute]) - 1
        for number, probability in enumerate(probabilities[attribute]):
            total += probability
            if unit < total:
                template = number
                break
        result.append((attribute, template))
    return result


def render_plan(plan, values, seed, sentence):
    """Text, tokens, labels and choices of a sentence about an element with these values."""
    kind = 0 if plan.kind_field < 0 else int(values[plan.kind_field]) % plan.kinds
    offsets = plan.choice_offsets[kind * plan.attributes :]
    probabilities = [
        plan.choice_probability[offsets[a] : offsets[a + 1]].tolist() for a in range(plan.attributes)
    ]
    chosen = choices(seed, sentence, plan.statements, plan.order == 1, probabilities)
    text, tokens, labels = b"", [], []
    for statement, (attribute, template) in enumerate(chosen):
        number = 2 * (int(offsets[attribute]) + template) + (statement > 0)
        for part in range(plan.template_parts[number], plan.template_parts[number + 1]):
            piece = int(plan.part_piece[part])
            if plan.part_field[part] >= 0:
                piece += int(values[plan.part_field[part]])
            text += plan.piece_text(piece)
            ids = plan.piece_ids(piece).tolist()
            tokens += ids
            labels += [int(plan.part_label[part])] * len(ids)
    ids = plan.piece_ids(plan.end_piece).tolist()
    return text + plan.piece_text(plan.end_piece), tokens + ids, labels + [0] * len(ids), chosen


def slots(template):
    """[(literal, slot or None), ...]"""
    return [(literal, slot) for literal, slot, _, _ in Formatter().parse(template)]


def attribute_text(contents, attribute, values):
    """An attribute's text for one element's values, by str.format."""
    fields = {field.name: field.values[v] for field, v in zip(contents.fields, values, strict=True)}
    pattern = next(item.pattern for item in contents.attributes if item.name == attribute)
    return pattern.format_map(fields)


def render_templates(source, phi, values, seed, sentence):
    """Text, knowledge spans [(begin, end, label), ...] in characters, and choices, from the templates.

    phi are the source's template probabilities for this seed.
    """
    contents, syntax = source.contents, source.syntax
    names = [attribute.name for attribute in contents.attributes]
    kind = int(source.kinds(values[None])[0])
    probabilities = [
        phi[kind, a, : len(syntax.templates[name])].tolist() for a, name in enumerate(syntax.attributes)
    ]
    chosen = choices(seed, sentence, syntax.statements, syntax.order == "fixed", probabilities)
    text, spans = "", []
    for statement, (attribute, template) in enumerate(chosen):
        if statement:
            text += " "
        opening = True
        for literal, slot in slots(syntax.templates[syntax.attributes[attribute]][template]):
            text += literal
            opening = opening and not literal
            if slot is None:
                continue
            if slot == "name" and statement and contents.pronoun is not None:
                column = [field.name for field in contents.fields].index(contents.pronoun)
                filled = contents.fields[column].values[values[column]]
                filled = filled if opening else filled[0].lower() + filled[1:]
            else:
                filled = attribute_text(contents, slot, values)
            spans.append((len(text), len(text) + len(filled), 1 + names.index(slot)))
            text += filled
            opening = False
    return text + "\n", spans, chosen


def chain_words(syntax, phi, seed, sentence, kind):
    """Words of a sentence from Markov chains, as numbers."""
    bits = draw(stream_key(seed, SYNTAX_STREAM), sentence)
    units = ((number >> 11) * 2.0**-53 for number in bits)
    length = int(syntax.mean_length)
    if syntax.length == "geometric" and syntax.mean_length > 1:
        below, length, more = 1 - next(units), 1, 1 - 1 / syntax.mean_length
        while below <= more:
            length, more = length + 1, more * (1 - 1 / syntax.mean_length)
    words, row = [], phi[kind][0]
    for _ in range(length):
        unit, total = next(units), 0.0
        for word, p in enumerate(row):
            total += p
            if unit < total or word == len(row) - 1:
                break
        words.append(word)
        row = phi[kind][1 + word]
    return words


def render_chain(source, phi, values, seed, sentence):
    """Text, knowledge spans [(begin, end, label), ...] in characters, and the attribute."""
    contents, syntax = source.contents, source.syntax
    words = chain_words(syntax, phi, seed, sentence, int(source.kinds(values[None])[0]))
    stated = [attribute.name for attribute in contents.attributes][1:]
    attribute = next(draw(stream_key(seed, ATTRIBUTE_STREAM), sentence)) * len(stated) >> 64
    name = attribute_text(contents, "name", values)
    before = " ".join([name, *(syntax.words[word] for word in words), ""])
    value = attribute_text(contents, stated[attribute], values)
    spans = [(0, len(name), 1), (len(before), len(before + value), 2 + attribute)]
    return before + value + "\n", spans, attribute
