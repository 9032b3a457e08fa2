"""The arithmetic of gates: reference values, exact enumeration, properties and small simulations."""
