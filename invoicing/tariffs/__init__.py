"""What energy costs under a tariff: pure arithmetic, exact to the last digit, rounded once a line.

It owns clocks, holidays, time-of-use schedules, tiers, demand, escalation, market prices, minimum charges, exchange
rates, and the proof that a tariff gives every instant exactly one price. It knows no database: whoever calls it brings
interval energies, published values and versions. Spans are half-open, instants aware, numbers Decimal or Fraction.
"""
