"""Why a finding is one: thresholds, nearest rows, the columns that tell most, and the page that shows them."""
