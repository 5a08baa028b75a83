# make help lists the targets. Each does its own set-up.
.DEFAULT_GOAL := help
.PHONY: help setup sim test lint format bench peers clean

help:  ## list the targets
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup:  ## virtual environment, packages, workspace build; what is there is left alone
	@scripts/setup

sim:  ## one bimanual episode on the simulated rig, recorded, with its outcome
	@./wam rollout --task transfer_cube --policy scripted --episodes 1 --seed 0

test:  ## every check and every test
	@scripts/test

lint:  ## ruff and mypy
	@scripts/lint

format:  ## let ruff format and mend what it can
	@scripts/format

bench:  ## frame matching and image transport, as JSON
	@./wam bench sync --json -
	@./wam bench transport --json -

peers:  ## LeRobot and other people's clients, for `./wam bench` and tests/peers: 2 to 8 GB in an environment of its own
	@scripts/peers

clean:  ## remove what set-up and build made; recorded episodes stay
	rm -rf .venv .venv-peers .setup build install log .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
