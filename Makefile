# All the work is in make.py; without make, type `python3 make.py start` (`py make.py start` on Windows).
# Options: make start ARGS="--port 9000 --no-browser". Another Python: make start PYTHON=/path/to/python3.12

.PHONY: start build site pdf test check format lock clean
.DEFAULT_GOAL := start

start build site pdf test check format lock clean:
	@suits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'; \
	for python in $(if $(PYTHON),"$(PYTHON)") python3.13 python3.12 python3.11 python3 python; do \
		if "$$python" -c "$$suits" >/dev/null 2>&1; then exec "$$python" make.py $@ $(ARGS); fi; \
	done; \
	for python in python3 python python2; do \
		if "$$python" -c '' >/dev/null 2>&1; then exec "$$python" make.py $@ $(ARGS); fi; \
	done; \
	echo 'This project needs Python 3.11 to 3.13, and found no Python at all. Install one, then run the same command again:'; \
	echo '  Debian, Ubuntu:  sudo apt install python3 python3-venv'; \
	echo '  Fedora:          sudo dnf install python3.13'; \
	echo '  macOS:           brew install python@3.13'; \
	exit 2
