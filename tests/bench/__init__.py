"""`make bench`: the budgets of the product, as ratios to floors taken in the same run."""
