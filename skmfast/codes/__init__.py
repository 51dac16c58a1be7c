"""Codes: predictive models whose length on given data is a number of bits."""

from skmfast.settings import check_isa

check_isa()
