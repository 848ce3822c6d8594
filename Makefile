# The front door. CMake does the work; this makes sure that what it needs is there.
#   make            build/quern          make demo    the embedded model on sample drawings
#   make test       all tests            make bench   speed, beside onnxruntime where it is installed
#   make install    PREFIX=/usr/local    make test-full   with the large reference models and long sweeps
#   make web        build/web/quern.wasm and the npm package web/dist
#   make site       the demo site, web/demo/dist

PREFIX ?= /usr/local
JOBS   ?= $(shell nproc)

.PHONY: all setup demo test test-full bench install web site format clean

all: setup
	@cmake --preset release >/dev/null
	@cmake --build build -j $(JOBS)

setup:
	@tools/setup.sh build

demo: all
	@build/quern demo models/samples/*.png models/samples/*.jpg

test:
	@tools/setup.sh test
	@tests/run.sh

test-full:
	@tools/setup.sh full
	@tests/run.sh full

bench: all
	@tools/setup.sh test
	@.venv/bin/python bench/run.py

install: all
	@cmake --install build --prefix $(PREFIX)

web: setup
	@tools/setup.sh web
	@cmake --preset release >/dev/null
	@cmake --build build -j $(JOBS) --target kernels_gen
	@for p in web web-threads; do cmake --preset $$p >/dev/null && cmake --build build/$$p -j $(JOBS) || exit 1; done
	@tools/node web/build.mjs

site: web
	@cd web && ../tools/node node_modules/vite/bin/vite.js build demo --logLevel warn
	@echo "web/demo/dist: the site, for any static server"

format:
	@git ls-files '*.c' '*.h' | xargs clang-format-19 -i

clean:
	@rm -rf build .cache
