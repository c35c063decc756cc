"""The delivery lab: reference clients, faults on a schedule, and a checker. For operators, and for the tests."""
