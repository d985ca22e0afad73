"""Bit allocation problems of signal processing: filters, receivers, gradient descent. No hardware is built here."""
