# The README's commands. Everything else is in the files that these recipes call.
BIN := .venv/bin

.PHONY: demo test lab lint benchmark clean

# The whole story on bundled data, offline, in a minute or two.
demo:
	@sh tools/setup.sh run
	@$(BIN)/dcai demo

# The same, then JupyterLab in the folder that the demo made.
lab:
	@sh tools/setup.sh run
	@$(BIN)/dcai demo --lab

# All checks: style, types, front end, tests, a real JupyterLab in a real browser.
test: lint
	@$(BIN)/python tools/frontend.py test
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not browser"
	@DCAI_REQUIRE_BROWSER=1 $(BIN)/python -m pytest -m browser

lint:
	@sh tools/setup.sh test
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/python tools/frontend.py check

# Accuracy and speed, beside the peers, in one run. Slow; not part of the tests.
benchmark:
	@sh tools/setup.sh bench
	@$(BIN)/python tests/benchmarks/bench_findings.py
	@$(BIN)/python tests/benchmarks/bench_intervals.py
	@$(BIN)/python -m tests.benchmarks.bench_drift
	@$(BIN)/python tests/benchmarks/bench_speed.py
	@$(BIN)/python tests/benchmarks/bench_streaming.py
	@$(BIN)/python tests/benchmarks/bench_review.py

clean:
	rm -rf .venv dcai/shells/_built labextension/lib labextension/node_modules
