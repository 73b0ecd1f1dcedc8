# SPDX-License-Identifier: MIT
"""Prints equipoise's types in gdb: (gdb) source packaging/gdb/equipoise.py

An id reads as #slot.generation, flags as their names, a lease and a choice as their backend or their error, and a pool
as its members with health and work in flight. The memory is read as libstdc++ and libc++ lay it out, so the program
needs no debug information of the standard library.
"""
import gdb
import gdb.printing

HEALTH_BITS = 0xFFF
ONE_GENERATION = HEALTH_BITS + 1
# The most severe comes first, as in to_string(health_flag).
FLAGS = ((64, "removed"), (32, "maintenance"), (16, "draining"), (1, "down"), (2, "ejected"), (4, "circuit_open"),
         (8, "saturated"), (128, "zero_weight"), (256, "user_1"), (512, "user_2"), (1024, "user_3"), (2048, "user_4"))


def raw(value, size):
    """The first bytes of a value as a number: an atomic, a time point or a pointer, however the library wraps it."""
    return int.from_bytes(gdb.selected_inferior().read_memory(int(value.address), size).tobytes(), "little")


def text_at(value):
    """The text of a std::string_view."""
    memory, at = gdb.selected_inferior(), int(value.address)
    first, second = (int.from_bytes(memory.read_memory(at + offset, 8).tobytes(), "little") for offset in (0, 8))
    # libstdc++ keeps the length first, libc++ the pointer.
    length, text = (second, first) if "__1" in str(value.type.strip_typedefs()) else (first, second)
    return memory.read_memory(text, length).tobytes().decode("utf-8", "replace") if length else ""


def plain(value):
    """The value, and the name of its type, without references, typedefs and const."""
    if value.type.strip_typedefs().code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
        value = value.referenced_value()
    return value, str(value.type.strip_typedefs().unqualified())


def id_text(value):
    slot, tag = int(value["slot"]), int(value["tag"])
    if tag < ONE_GENERATION or tag & HEALTH_BITS:
        return "#none"
    return "#%d.%d" % (slot, tag // ONE_GENERATION)


def flags_text(bits):
    return "+".join(name for bit, name in FLAGS if bits & bit) or "up"


class BackendId:
    def __init__(self, value):
        self.value = plain(value)[0]

    def to_string(self):
        return id_text(self.value)


class HealthFlag:
    def __init__(self, value):
        self.value = plain(value)[0]

    def to_string(self):
        return flags_text(int(self.value))


class Held:
    """What a lease and a choice have in common: a record, or an error."""

    def __init__(self, value):
        self.value, type_name = plain(value)
        self.name, self.namespace = "choice", ""
        if "::lease<" in type_name:
            self.name, self.namespace = "lease", type_name.partition("lease<")[0]

    def error(self):
        if self.name == "choice":
            return self.value["error_"]
        # While no backend is held, the start is the error.
        return gdb.Value(raw(self.value["start_"], 8)).cast(gdb.lookup_type(self.namespace + "pick_error"))

    def to_string(self):
        record = self.value["record_"]
        if not int(record):
            return "no %s: %s" % (self.name, str(self.error()).rpartition("::")[2])
        return "%s of '%s' %s" % (self.name, text_at(record["key"]), id_text(record["id"]))

    def children(self):
        if int(self.value["record_"]):
            yield "backend", self.value["record_"].dereference()["value"]


class Pool:
    def __init__(self, value):
        self.value, type_name = plain(value)
        namespace = type_name.partition("pool<")[0]
        pointer = lambda name: gdb.lookup_type(namespace + name).pointer()
        # An owned pointer is one pointer, and a std::vector begins with those to its first member and past its last.
        members = gdb.Value(raw(self.value["members_"]["list_"], 8)).cast(pointer("detail::member_list"))["every"]["members"]
        member = pointer("member")
        ends = members.address.cast(member.pointer())
        self.first = ends.dereference()
        self.size = int((ends + 1).dereference() - self.first)

    def to_string(self):
        return "pool of %d member%s" % (self.size, "" if self.size == 1 else "s")

    def children(self):
        states = self.value["states_"]
        words, counts = states["words_"]["first_"], states["counts_"]["first_"]
        for i in range(self.size):
            member = (self.first + i).dereference()
            slot = int(member["id"]["slot"])
            flags = raw((words + slot).dereference(), 4) & HEALTH_BITS
            # Each slot has two counters in each stripe.
            firsts = (2 * (s * int(states["stride_"]) + slot) for s in range(int(states["stripes_"])))
            in_flight = sum(raw((counts + first + i).dereference(), 4) for first in firsts for i in (0, 1))
            text = "%s %s, weight %d, %d in flight" % (id_text(member["id"]), flags_text(flags), int(member["weight"]),
                                                       in_flight)
            yield text_at(member["record"]["key"]), text


def printers():
    collection = gdb.printing.RegexpCollectionPrettyPrinter("equipoise")
    for name, kind in (("backend_id", BackendId), ("health_flag", HealthFlag), ("lease", Held), ("choice", Held),
                       ("pool", Pool)):
        template = "<.*>" if kind in (Held, Pool) else ""
        collection.add_printer(name, r"^equipoise::(v\w+::)?%s%s$" % (name, template), kind)
    return collection


gdb.printing.register_pretty_printer(gdb.current_objfile(), printers(), replace=True)
