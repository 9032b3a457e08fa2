"""Prediction logs as a metric source: what two versions answered to one request, joined into pairs and counted."""
