# distutils: language = c++
"""The container's header to and from Python objects. `skmfast.coding.container` is the public face."""

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libcpp.pair cimport pair
from libcpp.string cimport string
from libcpp.vector cimport vector


cdef extern from "<span>" namespace "std" nogil:
    cdef cppclass Bytes "std::span<const uint8_t>":
        Bytes()
        Bytes(const uint8_t*, size_t)


cdef extern from "skm/container.hpp" namespace "skm::container" nogil:
    cdef enum class Type(uint8_t):
        none
        no
        yes
        integer
        real
        text
        list

    cdef cppclass Value:
        Type type
        int64_t integer
        double real
        string text
        vector[Value] items

    cdef cppclass Block:
        uint64_t original_bytes
        uint64_t payload_bytes
        uint32_t original_crc

    cdef cppclass Header:
        string code
        vector[pair[string, Value]] parameters
        vector[uint64_t] documents
        vector[Block] blocks

    cdef enum class Fault:
        ok
        not_a_container
        truncated
        header_checksum
        header_field
        unsupported_version
        padding
        trailing_bytes

    cdef cppclass Status:
        Fault fault
        uint64_t offset

    Status cxx_parse "skm::container::parse"(Bytes file, Header* header, uint64_t* first_block) except +
    vector[uint8_t] cxx_write "skm::container::write"(const Header& header) except +
    uint64_t cxx_stored_bytes "skm::container::stored_bytes"(const Block& block)
    const uint64_t kMaxExpansion


FAULTS = {
    <int>Fault.ok: "ok",
    <int>Fault.not_a_container: "not_a_container",
    <int>Fault.truncated: "truncated",
    <int>Fault.header_checksum: "header_checksum",
    <int>Fault.header_field: "header_field",
    <int>Fault.unsupported_version: "unsupported_version",
    <int>Fault.padding: "padding",
    <int>Fault.trailing_bytes: "trailing_bytes",
}
MAX_EXPANSION = kMaxExpansion


cdef object value_to_python(const Value& value):
    if value.type == Type.none:
        return None
    if value.type == Type.no or value.type == Type.yes:
        return value.type == Type.yes
    if value.type == Type.integer:
        return value.integer
    if value.type == Type.real:
        return value.real
    if value.type == Type.text:
        return (<bytes>value.text).decode("utf-8")
    return tuple([value_to_python(value.items[i]) for i in range(value.items.size())])


cdef Value value_from_python(object source) except *:
    cdef Value value
    if source is None:
        value.type = Type.none
    elif isinstance(source, bool):
        value.type = Type.yes if source else Type.no
    elif isinstance(source, int):
        value.type = Type.integer
        value.integer = source
    elif isinstance(source, float):
        value.type = Type.real
        value.real = source
    elif isinstance(source, str):
        value.type = Type.text
        value.text = source.encode("utf-8")
    elif isinstance(source, (tuple, list)):
        value.type = Type.list
        for item in source:
            value.items.push_back(value_from_python(item))
    else:
        raise TypeError(f"a parameter of type {type(source).__name__} has no place in a container")
    return value


def parse(const uint8_t[::1] file):
    """(fault, offset, None), or ("ok", offset of the first block, (code, parameters, documents, blocks)).

    A block is (original bytes, payload bytes, stored bytes, CRC-32). Raises UnicodeDecodeError for a text
    value that is not UTF-8.
    """
    cdef Header header
    cdef uint64_t first_block = 0
    cdef Status status
    cdef const uint8_t* data = &file[0] if file.shape[0] else NULL
    with nogil:
        status = cxx_parse(Bytes(data, <size_t>file.shape[0]), &header, &first_block)
    if status.fault != Fault.ok:
        return FAULTS[<int>status.fault], status.offset, None
    cdef size_t i
    parameters = {
        (<bytes>header.parameters[i].first).decode("ascii"): value_to_python(header.parameters[i].second)
        for i in range(header.parameters.size())
    }
    blocks = [
        (
            header.blocks[i].original_bytes,
            header.blocks[i].payload_bytes,
            cxx_stored_bytes(header.blocks[i]),
            header.blocks[i].original_crc,
        )
        for i in range(header.blocks.size())
    ]
    code = (<bytes>header.code).decode("ascii")
    return "ok", first_block, (code, parameters, list(header.documents), blocks)


def write(str code, dict parameters, list documents, list blocks):
    """Everything before the first block. ``blocks`` holds (original bytes, payload bytes, CRC-32)."""
    cdef Header header
    cdef Block block
    cdef pair[string, Value] parameter
    header.code = code.encode("utf-8")
    for name in sorted(parameters):
        parameter.first = name.encode("utf-8")
        parameter.second = value_from_python(parameters[name])
        header.parameters.push_back(parameter)
    header.documents = documents
    for block.original_bytes, block.payload_bytes, block.original_crc in blocks:
        header.blocks.push_back(block)
    cdef vector[uint8_t] out = cxx_write(header)
    return (<const char*>out.data())[:out.size()]


def stored_bytes(uint64_t original_bytes, uint64_t payload_bytes):
    """Bytes that a block takes in the file, padding included."""
    cdef Block block
    block.original_bytes = original_bytes
    block.payload_bytes = payload_bytes
    return cxx_stored_bytes(block)
