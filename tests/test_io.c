/* Files appear whole or not at all, whichever call fails; memory of what was done. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/memo.h"
#include "pipeline/publish.h"
#include "tests/check.h"
#include "util/io.h"

static char root[] = "/tmp/docmill-test-io-XXXXXX";

static int count_entries(int folder) {
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY), n = 0;
    DIR *entries = fdopendir(fd);
    for (struct dirent *e; entries && (e = readdir(entries));)
        n += e->d_name[0] != '.' || e->d_name[1] == 'd';
    if (entries) closedir(entries);
    return n;
}

static bool has(int folder, const char *name, const char *want) {
    char got[64] = "";
    int fd = openat(folder, name, O_RDONLY);
    if (fd < 0) return false;
    ssize_t n = read(fd, got, sizeof got - 1);
    close(fd);
    return n >= 0 && strcmp(got, want) == 0;
}

static enum status publish_once(int folder, const char *text) {
    struct io_temp temp;
    struct error error;
    if (io_temp_open(folder, &temp, &error) != STATUS_OK) return STATUS_IO;
    enum status status = io_write(temp.fd, str_from(text), &error);
    if (status == STATUS_OK) return io_temp_publish(&temp, "file", &error);
    io_temp_discard(&temp);
    return status;
}

/* The k-th call fails, for every k: the old file stays, or the new one is whole; nothing else is left. */
static void test_every_failure(int folder) {
    CHECK(publish_once(folder, "old") == STATUS_OK, "first");
    size_t k = 1;
    for (; k < 50; k++) {
        io_fail_at(k);
        enum status status = publish_once(folder, "new");
        io_fail_at(0);
        if (status == STATUS_OK) break;
        CHECK(has(folder, "file", "old"), "call %zu failed and the old file is gone", k);
        CHECK(count_entries(folder) == 1, "call %zu failed and left something", k);
    }
    CHECK(k >= 6 && k < 50, "%zu calls could fail", k - 1);
    CHECK(has(folder, "file", "new"), "at last");
}

static void test_folders(int folder) {
    struct error error;
    int fd = io_open_folder(folder, STR("a/b/c"), &error);
    CHECK(fd >= 0, "made");
    if (fd >= 0) close(fd);
    fd = io_open_folder(folder, STR("a/b/c"), &error);
    CHECK(fd >= 0, "there already");
    if (fd >= 0) close(fd);
    CHECK(symlinkat("/tmp", folder, "link") == 0, "symlink");
    CHECK(io_open_folder(folder, STR("link/x"), &error) < 0, "through a link");
    CHECK(strstr(error.text, "link") != NULL, "%s", error.text);
    int file = openat(folder, "plain", O_CREAT | O_WRONLY, 0600);
    close(file);
    CHECK(io_open_folder(folder, STR("plain/x"), &error) < 0, "through a file");
}

/* A whole publication with a figure, the k-th call failing: no output without the others before it. */
static enum status publish_document(int folder, int spool, struct error *err) {
    const struct exporter *formats[] = {&exporter_json, &exporter_markdown};
    struct str names[] = {STR("s/a.pdf.json"), STR("s/a.pdf.md")};
    struct publication p;
    TRY(publish_open(folder, formats, names, 2, STR("s/a.pdf.figures"), &p, err));
    int fds[4];
    publish_fds(&p, fds);
    enum status status = io_write(fds[0], STR("{}"), err);
    if (status == STATUS_OK) status = io_write(fds[2], STR("# x"), err);
    if (status == STATUS_OK) status = publish_figure_name(&p, STR("p1-1.png"), err);
    if (status == STATUS_OK) status = publish_figure(&p, (struct extent){2, 3}, err);
    if (status == STATUS_OK) status = publish_commit(&p, spool, err);
    if (status == STATUS_OK) {
        struct memo memo = {.input = "1", .options = "2"};
        bool degraded;
        status = memo_write(folder, STR("s/a.pdf"), &memo, p.files, p.n_files, err);
        CHECK(status != STATUS_OK || memo_matches(folder, STR("s/a.pdf"), &memo, &degraded),
              "the memo just written");
    }
    publish_close(&p);
    publish_close(&p); // twice is fine
    return status;
}

static void test_publication(int folder) {
    struct error error;
    int spool = io_scratch(folder, &error);
    CHECK(io_write_at(spool, STR("..PNG"), 0, &error) == STATUS_OK, "spool");
    size_t k = 1;
    for (; k < 100; k++) {
        io_fail_at(k);
        enum status status = publish_document(folder, spool, &error);
        io_fail_at(0);
        if (status == STATUS_OK) break;
        if (has(folder, "s/a.pdf.json", "{}"))
            CHECK(has(folder, "s/a.pdf.md", "# x") &&
                      has(folder, "s/a.pdf.figures/p1-1.png", "PNG"),
                  "call %zu failed: JSON is there before the rest", k);
    }
    CHECK(k > 10 && k < 100, "%zu calls could fail", k - 1);
    CHECK(has(folder, "s/a.pdf.figures/p1-1.png", "PNG"), "the figure");
    // A figure of an earlier run goes, somebody's own file stays.
    close(openat(folder, "s/a.pdf.figures/p9-1.png", O_CREAT | O_WRONLY, 0600));
    close(openat(folder, "s/a.pdf.figures/mine.png", O_CREAT | O_WRONLY, 0600));
    CHECK(publish_document(folder, spool, &error) == STATUS_OK, "again");
    CHECK(faccessat(folder, "s/a.pdf.figures/p9-1.png", F_OK, 0) != 0, "stale figure");
    CHECK(faccessat(folder, "s/a.pdf.figures/mine.png", F_OK, 0) == 0, "somebody's file");
    close(spool);
}

static void test_memo(int folder) {
    struct memo memo = {.input = "1", .options = "2"}, other = {.input = "1", .options = "3"};
    bool degraded;
    CHECK(memo_matches(folder, STR("s/a.pdf"), &memo, &degraded) && !degraded, "as before");
    CHECK(!memo_matches(folder, STR("s/a.pdf"), &other, &degraded), "other options");
    CHECK(!memo_matches(folder, STR("s/b.pdf"), &memo, &degraded), "another name");
    int fd = openat(folder, "s/a.pdf.md", O_WRONLY | O_APPEND);
    CHECK(write(fd, "x", 1) == 1, "append");
    close(fd);
    CHECK(!memo_matches(folder, STR("s/a.pdf"), &memo, &degraded), "an output of another size");
    unlinkat(folder, "s/a.pdf.md", 0);
    CHECK(!memo_matches(folder, STR("s/a.pdf"), &memo, &degraded), "an output that is gone");
}

static void test_figure_names(void) {
    static const char *const bad[] = {"../x.png", "a/b.png", ".png",    "x.gif",
                                      "",         "-a.png",  "a\n.png", "a b.png"};
    struct error error;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct publication p = {.folder_fd = -1};
        CHECK(publish_figure_name(&p, str_from(bad[i]), &error) != STATUS_OK, "%s", bad[i]);
        publish_close(&p);
    }
}

int main(void) {
    if (!mkdtemp(root)) return 1;
    int folder = open(root, O_RDONLY | O_DIRECTORY);
    struct error error;
    int first = io_open_folder(folder, STR("one"), &error);
    test_every_failure(first);
    close(first);
    test_folders(folder);
    test_publication(folder);
    test_memo(folder);
    test_figure_names();
    close(folder);
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return check_end("io") | (system(command) != 0);
}
