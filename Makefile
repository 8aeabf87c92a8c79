# docmill
#
#   make demo               install what is needed, build, convert samples/, say where the results are
#   make check              install what the tests need, build, run all tests
#
#   make                    build/docmill
#   make deps               install the libraries it is built with (root; Debian 12)
#   make test               the tests, on what is installed; TESTS="test_str cli_convert" runs some
#   make bench              speed and memory, as ratios against a peer in the same run
#   make lint               include rule, clang-format, clang-tidy
#   make golden             rewrite the golden files of tests/golden from what the program writes now
#   make install PREFIX=/usr/local [DESTDIR=...]
#   make clean
#
#   SAN=1                   with address and undefined-behaviour sanitizers, in build-san/
#   DEBUG=1                 unoptimised, in build-debug/

PREFIX ?= /usr/local
CC = gcc
BUILD = build$(if $(SAN),-san)$(if $(DEBUG),-debug)
VERSION = 0.1.0

PACKAGES = poppler-glib cairo libqpdf tesseract lept libtiff-4 libxml-2.0 jansson libzip libcrypto \
           libexif libopenjp2 libseccomp
WARN = -Wall -Wextra -Wshadow -Wconversion -Wvla
OPT = $(if $(SAN)$(DEBUG),-O1 -g,-O2 -g)
SANFLAGS = $(if $(SAN),$(SANITIZERS) -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
SANITIZERS = -fsanitize=address,undefined
# Foreign headers are system headers to us: their warnings are not ours to mend.
FOREIGN = $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(PACKAGES) 2>/dev/null))
CFLAGS = -std=c17 -D_GNU_SOURCE -DDOCMILL_VERSION='"$(VERSION)"' $(OPT) $(WARN) $(SANFLAGS) -I. $(FOREIGN) -MMD -MP
LDLIBS = $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lunistring -lm -lpthread -ldl

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

test: $(BUILD)/docmill $(TEST_PROGRAMS)
	tests/run $(BUILD) $(TESTS)

clean:
	rm -rf build build-san build-debug

-include $(OBJECTS:.o=.d) $(TEST_PROGRAMS:=.d)

.PHONY: all test clean
.SECONDARY:
