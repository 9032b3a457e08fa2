"""Tests of the core: tables, laws, whole journeys, interruptions."""
