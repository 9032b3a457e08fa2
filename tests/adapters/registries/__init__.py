"""Tests of the model registries' adapters; the real MLflow is in tests/e2e."""
