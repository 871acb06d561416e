/* Hostile children: in both cages, as whoever runs the test and, if that is root, as nobody too. */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <ymago/media.h>

#include "child/cage.h"

static enum cage cages[2];
static size_t ncages;

static int memory(const char *text)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

struct result {
    struct ym_buf out;
    struct ym_err e;
    int rc;
};

static void result_fini(struct result *r)
{
    ym_buf_fini(&r->out);
}

/* A Python script, with files[0..n-1] there as 3, 4... */
static struct result python(const char *script, const struct ym_child *with, const int *fds, unsigned n)
{
    struct result r = {.e = {.cls = YM_OK}};
    struct ym_child_file files[8];
    struct ym_child c = with ? *with : (struct ym_child){.limit = YM_SEC(30)};
    const char *argv[] = {"python3", "-I", "-S", "-c", script, NULL};
    for (unsigned i = 0; i < n; i++)
        files[i] = (struct ym_child_file){fds[i], 3 + (int)i};
    ym_buf_init(&r.out, 1 << 16);
    c.argv = argv;
    c.files = files;
    c.nfiles = n;
    c.out = &r.out;
    r.rc = ym_child_run(&c, &r.e);
    ym_buf_add(&r.out, "", 0);
    return r;
}

static void says(const char *script, const int *fds, unsigned n, const char *want)
{
    struct result r = python(script, NULL, fds, n);
    if (r.rc != 0 || strcmp(r.out.data, want) != 0)
        print_message("%s\n%d %s %s\n", script, r.rc, r.e.msg, r.e.words);
    assert_int_equal(r.rc, 0);
    assert_string_equal(r.out.data, want);
    result_fini(&r);
}

/* Every case runs in every cage that can be had. */
#define IN_EVERY_CAGE(name)                                                                                            \
    static void name##_in(void);                                                                                       \
    static void name(void **state)                                                                                     \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        for (size_t i = 0; i < ncages; i++) {                                                                          \
            cage_force(cages[i]);                                                                                      \
            name##_in();                                                                                               \
        }                                                                                                              \
        cage_force(CAGE_NONE);                                                                                         \
    }                                                                                                                  \
    static void name##_in(void)

/* ---- what works ---- */
struct lines {
    char text[64];
    unsigned n;
};

static void line_take(void *ctx, const char *line)
{
    struct lines *l = ctx;
    size_t at = strlen(l->text);
    snprintf(l->text + at, sizeof(l->text) - at, "[%s]", line);
    l->n++;
}

IN_EVERY_CAGE(test_output_and_input)
{
    const char *argv[] = {"cat", NULL};
    struct ym_buf out;
    struct lines l = {.n = 0};
    struct ym_err e;
    ym_buf_init(&out, 100);
    struct ym_child c = {.argv = argv, .input = "one\ntwo", .input_len = 7, .out = &out};
    assert_int_equal(ym_child_run(&c, &e), 0);
    assert_string_equal(out.data, "one\ntwo");
    c.out = NULL;
    c.line = line_take;
    c.ctx = &l;
    assert_int_equal(ym_child_run(&c, &e), 0);
    assert_string_equal(l.text, "[one][two]");
    ym_buf_fini(&out);
}

struct feed {
    size_t left, chunk;
    int end;
};

static ssize_t feed_some(void *ctx, void *buf, size_t size)
{
    struct feed *f = ctx;
    size_t n = f->left < f->chunk ? f->left : f->chunk;
    if (n == 0)
        return f->end;
    n = n < size ? n : size;
    memset(buf, 'x', n);
    f->left -= n;
    return (ssize_t)n;
}

IN_EVERY_CAGE(test_feed)
{
    const char *argv[] = {"wc", "-c", NULL}, *deaf[] = {"true", NULL};
    struct ym_buf out;
    struct ym_err e;
    struct feed f = {.left = 5000000, .chunk = 100000};
    ym_buf_init(&out, 100);
    struct ym_child c = {.argv = argv, .feed = feed_some, .out = &out, .ctx = &f};
    assert_int_equal(ym_child_run(&c, &e), 0);
    assert_string_equal(out.data, "5000000\n");
    f = (struct feed){.left = 5000000, .chunk = 100000, .end = -EIO};
    assert_int_equal(ym_child_run(&c, &e), -EIO);
    f.left = (size_t)1 << 40; /* it does not listen: no SIGPIPE, no waiting */
    c.argv = deaf;
    assert_int_equal(ym_child_run(&c, &e), 0);
    ym_buf_fini(&out);
}

IN_EVERY_CAGE(test_files_by_number)
{
    int fds[2] = {memory("some bytes"), memory("")};
    char back[32] = "";
    says("d = open('/proc/self/fd/3').read()\n"
         "open('/proc/self/fd/4', 'w').write(d.upper())\n"
         "print(len(d))",
         fds, 2, "10\n");
    assert_int_equal(pread(fds[1], back, sizeof(back) - 1, 0), 10);
    assert_string_equal(back, "SOME BYTES");
    /* Numbers that are in each other's way. */
    struct ym_child_file files[2] = {{fds[0], fds[1]}, {fds[1], fds[0]}};
    YM_AUTOFREE char *path = ym_asprintf("/proc/self/fd/%d", fds[1]);
    const char *argv[] = {"cat", path, NULL};
    struct ym_buf out;
    struct ym_err e;
    ym_buf_init(&out, 100);
    struct ym_child c = {.argv = argv, .files = files, .nfiles = 2, .out = &out};
    assert_int_equal(ym_child_run(&c, &e), 0);
    assert_string_equal(out.data, "some bytes");
    ym_buf_fini(&out);
    close(fds[0]);
    close(fds[1]);
}

/* ---- what is not there ---- */
IN_EVERY_CAGE(test_sees_nothing_of_ours)
{
    YM_AUTOFREE char *cwd = getcwd(NULL, 0);
    YM_AUTOFREE char *script = ym_asprintf(
        "import os\n"
        "for p in ['/etc/passwd', '/etc/hostname', '/root', '/home', '/tmp', '/var', '/dev/null', '/sys/kernel', '%s',"
        " '/proc/%d/environ', '/proc/%d/root', '/proc/%d/fd']:\n"
        "    for look in (open, os.listdir):\n"
        "        try: look(p); print('sees', p)\n"
        "        except OSError: pass\n"
        "print([k for k in os.environ if k not in ('LC_CTYPE', 'PWD')], os.getcwd())\n", cwd, getpid(), getpid(), getpid());
    says(script, NULL, 0, "[] /\n"); /* LC_CTYPE is Python's own, PWD bubblewrap's */
}

IN_EVERY_CAGE(test_opens_no_socket)
{
    says("import socket\n"
         "for f in (socket.AF_INET, socket.AF_UNIX, socket.AF_INET6, socket.AF_NETLINK):\n"
         "    try: socket.socket(f, socket.SOCK_STREAM); print('socket')\n"
         "    except OSError as e: print(e.errno)\n",
         NULL, 0, "38\n38\n38\n38\n");
}

IN_EVERY_CAGE(test_starts_no_process_but_threads)
{
    says("import os, threading\n"
         "try: os.fork(); print('forked')\n"
         "except OSError as e: print(e.errno)\n"
         "try: os.posix_spawn('/usr/bin/true', ['true'], {}); print('spawned')\n"
         "except OSError as e: print(e.errno)\n"
         "t = threading.Thread(target=print, args=['thread']); t.start(); t.join()\n",
         NULL, 0, "38\n38\nthread\n");
}

IN_EVERY_CAGE(test_touches_no_other_process)
{
    YM_AUTOFREE char *script = ym_asprintf(
        "import os, resource\n"
        "for f in (lambda: os.kill(%d, 0), lambda: os.kill(1, 0), lambda: os.killpg(0, 15),\n"
        "          lambda: resource.prlimit(%d, resource.RLIMIT_CPU, (1, 1)),\n"
        "          lambda: os.setuid(0), lambda: os.setpriority(0, %d, 19)):\n"
        "    try: f(); print('did', f)\n"
        "    except OSError: pass\n", getpid(), getpid(), getpid());
    says(script, NULL, 0, "");
}

IN_EVERY_CAGE(test_read_only_stays_so)
{
    int rw = memory("keep me");
    YM_AUTOFREE char *path = ym_asprintf("/proc/self/fd/%d", rw);
    int ro = open(path, O_RDONLY | O_CLOEXEC);
    char back[16] = "";
    says("import os\n"
         "p = '/proc/self/fd/3'\n"
         "for f in (lambda: open(p, 'r+'), lambda: open(p, 'w'), lambda: os.truncate(p, 0), lambda: os.open(p, os.O_RDWR),\n"
         "          lambda: os.ftruncate(3, 0), lambda: os.write(3, b'x'), lambda: os.chmod(p, 0), lambda: os.fchmod(3, 0),\n"
         "          lambda: os.utime(p), lambda: os.setxattr(p, 'user.x', b'y'), lambda: open('/new', 'w'),\n"
         "          lambda: open('/usr/new', 'w'), lambda: os.mkdir('/d'), lambda: os.unlink('/usr/bin/true'),\n"
         "          lambda: os.memfd_create('m')):\n"
         "    try: f(); print('did', f)\n"
         "    except OSError: pass\n"
         "print(open(p).read())\n",
         &ro, 1, "keep me\n");
    assert_int_equal(pread(rw, back, 15, 0), 7);
    close(ro);
    close(rw);
}

/* A picture of the user's beside the film that is made from it. */
IN_EVERY_CAGE(test_read_only_beside_written)
{
    char name[] = "/tmp/ymago-test-XXXXXX", other[] = "/tmp/ymago-test-XXXXXX", back[16] = "";
    int rw = mkstemp(name), out = mkstemp(other);
    assert_true(rw >= 0 && out >= 0);
    assert_int_equal(write(rw, "keep me", 7), 7);
    int fds[2] = {open(name, O_RDONLY | O_CLOEXEC), out};
    says("import os\n"
         "p = '/proc/self/fd/3'\n"
         "for f in (lambda: open(p, 'r+'), lambda: open(p, 'w'), lambda: os.truncate(p, 0),\n"
         "          lambda: os.open(p, os.O_RDONLY | os.O_TRUNC)):\n"
         "    try: f(); print('did', f)\n"
         "    except OSError: pass\n"
         "open('/proc/self/fd/4', 'w').write(open(p).read())\n",
         fds, 2, "");
    assert_int_equal(pread(rw, back, 15, 0), 7);
    assert_int_equal(pread(out, back, 15, 0), 7);
    unlink(name);
    unlink(other);
    close(fds[0]);
    close(rw);
    close(out);
}

IN_EVERY_CAGE(test_inherits_nothing)
{
    int open_one = dup(2), high = fcntl(2, F_DUPFD, 200); /* without close-on-exec, as a careless library would */
    sigset_t block, old;
    sigemptyset(&block);
    sigaddset(&block, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &block, &old);
    void (*pipe_was)(int) = signal(SIGHUP, SIG_IGN);
    says("import os, signal\n"
         "def there(fd):\n"
         "    try: os.fstat(fd); return True\n"
         "    except OSError: return False\n"
         "print([fd for fd in range(256) if there(fd)], signal.pthread_sigmask(signal.SIG_BLOCK, []),\n"
         "      signal.getsignal(signal.SIGHUP) == signal.SIG_DFL, os.getsid(0) > 0)\n",
         NULL, 0, "[0, 1, 2] set() True True\n");
    signal(SIGHUP, pipe_was);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    close(open_one);
    close(high);
}

/* ---- what goes on for ever ---- */
/* Is there a process with this in its command line? program: only one whose command line begins so. */
static bool running(const char *mark, const char *program)
{
    DIR *d = opendir("/proc");
    struct dirent *x;
    bool found = false;
    while (!found && (x = readdir(d))) {
        char path[300], text[4096];
        snprintf(path, sizeof(path), "/proc/%s/cmdline", x->d_name);
        YM_AUTOCLOSE int fd = x->d_name[0] >= '0' && x->d_name[0] <= '9' ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : 0;
        found = n > 0 && memmem(text, (size_t)n, mark, strlen(mark)) && !strncmp(text, program, strlen(program));
    }
    closedir(d);
    return found;
}

static bool never(void *ctx)
{
    (*(int *)ctx)++;
    return false;
}

static bool second_time(void *ctx)
{
    return ++*(int *)ctx > 1;
}

#define STUBBORN                                                                                                       \
    "import signal, time\n"                                                                                            \
    "for s in range(1, 65):\n"                                                                                         \
    "    try: signal.signal(s, signal.SIG_IGN)\n"                                                                      \
    "    except (OSError, ValueError): pass\n"                                                                         \
    "while True: time.sleep(1)\n"

IN_EVERY_CAGE(test_ends_in_time)
{
    int asked = 0;
    YM_AUTOFREE char *mark = ym_asprintf("#ym-mark-%d", getpid());
    YM_AUTOFREE char *script = ym_asprintf("%s%s", STUBBORN, mark);
    struct ym_child c = {.limit = YM_MS(900), .stopped = never, .ctx = &asked};
    ym_mono t0 = ym_mono_now();
    struct result r = python(script, &c, NULL, 0);
    assert_int_equal(r.rc, -ETIME);
    assert_int_equal(r.e.cls, YM_LOCAL);
    assert_true(asked >= 2 && asked < 20);
    assert_true(ym_mono_now().ns - t0.ns < 8000000000);
    assert_false(running(mark, ""));
    result_fini(&r);
    asked = 0;
    c = (struct ym_child){.limit = YM_SEC(30), .stopped = second_time, .ctx = &asked};
    r = python(script, &c, NULL, 0);
    assert_int_equal(r.rc, -ECANCELED);
    assert_int_equal(r.e.cls, YM_CANCELLED);
    assert_false(running(mark, ""));
    result_fini(&r);
}

static void line_count(void *ctx, const char *line)
{
    (void)line;
    ++*(unsigned *)ctx;
}

IN_EVERY_CAGE(test_prints_for_ever)
{
    const char *argv[] = {"yes", NULL}, *zero[] = {"python3", "-I", "-S", "-c", "import sys\nwhile True: sys.stdout.write('x' * 4096)", NULL};
    unsigned count = 0;
    struct ym_buf out;
    struct ym_err e;
    ym_buf_init(&out, 100000);
    struct ym_child c = {.argv = argv, .out = &out, .limit = YM_SEC(30)};
    assert_int_equal(ym_child_run(&c, &e), -E2BIG);
    assert_true(out.len <= 100000);
    ym_buf_fini(&out);
    c = (struct ym_child){.argv = argv, .line = line_count, .ctx = &count, .limit = YM_MS(400)};
    assert_int_equal(ym_child_run(&c, &e), -ETIME);
    assert_true(count > 100);
    c.argv = zero; /* one line without an end */
    assert_int_equal(ym_child_run(&c, &e), -ETIME);
    c.argv = argv;
    c.line = NULL; /* read by nobody */
    assert_int_equal(ym_child_run(&c, &e), -ETIME);
}

IN_EVERY_CAGE(test_takes_no_memory_nor_disk_for_ever)
{
    struct ym_child c = {.limit = YM_SEC(30), .max_memory = 300 << 20, .max_file = 1 << 20};
    struct result r = python("a = []\nwhile True: a.append(b'x' * (8 << 20))\n", &c, NULL, 0);
    assert_int_equal(r.rc, -EIO);
    assert_int_equal(r.e.cls, YM_LOCAL);
    assert_non_null(strstr(r.e.words, "MemoryError"));
    result_fini(&r);
    int fd = memory("");
    r = python("import signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
               "f = open('/proc/self/fd/3', 'wb')\n"
               "while True: f.write(b'x' * 65536)\n", &c, &fd, 1);
    assert_int_equal(r.rc, -EIO);
    assert_non_null(strstr(r.e.msg, "too large"));
    assert_true(lseek(fd, 0, SEEK_END) <= 1 << 20);
    close(fd);
    result_fini(&r);
    r = python("import resource\nprint(resource.getrlimit(resource.RLIMIT_CORE), resource.getrlimit(resource.RLIMIT_CPU)[1] < 10000)\n", NULL, NULL, 0);
    assert_string_equal(r.out.data, "(0, 0) True\n");
    result_fini(&r);
}

/* ---- how it ends ---- */
IN_EVERY_CAGE(test_last_words)
{
    struct result r = python("import sys\n"
                             "sys.stderr.write('first line\\n' * 500 + 'then \\x1b[31mred\\nlast words\\n')\n"
                             "sys.exit(3)\n", NULL, NULL, 0);
    assert_int_equal(r.rc, -EIO);
    assert_string_equal(r.e.msg, "python3 failed (status 3).");
    assert_non_null(strstr(r.e.words, "then \\x1B[31mred last words"));
    assert_null(strchr(r.e.words, '\x1b'));
    assert_true(!strncmp(r.e.words, "first line", 10));
    result_fini(&r);
    r = python("import ctypes", NULL, NULL, 0); /* may need what is not there; must not hang */
    result_fini(&r);
    r = python("import os, signal\nos.abort()", NULL, NULL, 0);
    assert_int_equal(r.rc, -EIO);
    assert_non_null(strstr(r.e.msg, "signal"));
    result_fini(&r);
}

IN_EVERY_CAGE(test_dies_with_us)
{
    YM_AUTOFREE char *mark = ym_asprintf("#ym-mark-d%d", getpid());
    YM_AUTOFREE char *script = ym_asprintf("%s%s", STUBBORN, mark);
    pid_t pid = fork();
    if (pid == 0) {
        const char *argv[] = {"python3", "-I", "-S", "-c", script, NULL};
        struct ym_child c = {.argv = argv, .limit = YM_SEC(60)};
        ym_child_run(&c, NULL);
        _exit(0);
    }
    for (int i = 0; i < 1000 && !running(mark, "/usr/bin/python3"); i++) /* bubblewrap is through with its preparations */
        usleep(10000);
    assert_true(running(mark, "/usr/bin/python3"));
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    for (int i = 0; i < 500 && running(mark, ""); i++)
        usleep(10000);
    assert_false(running(mark, ""));
}

static void test_programs_that_are_not_there(void **state)
{
    const char *argv[] = {"no-such-program", NULL};
    struct ym_child c = {.argv = argv};
    struct ym_err e;
    (void)state;
    assert_int_equal(ym_child_run(&c, &e), -ENOENT);
    assert_int_equal(e.cls, YM_LOCAL);
    assert_true(ym_child_has("true"));
    assert_false(ym_child_has("no-such-program"));
    assert_false(ym_child_has("../bin/true"));
    assert_false(ym_child_has(""));
}

static void test_filter_fits(void **state)
{
    struct sock_filter code[FILTER_MAX];
    (void)state;
    size_t reads = filter_make(code, false), writes = filter_make(code, true);
    assert_true((reads == 0) == (writes == 0));
    assert_true(reads < FILTER_MAX && writes < FILTER_MAX);
}

static int run_all(const char *who)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_and_input),
        cmocka_unit_test(test_feed),
        cmocka_unit_test(test_files_by_number),
        cmocka_unit_test(test_sees_nothing_of_ours),
        cmocka_unit_test(test_opens_no_socket),
        cmocka_unit_test(test_starts_no_process_but_threads),
        cmocka_unit_test(test_touches_no_other_process),
        cmocka_unit_test(test_read_only_stays_so),
        cmocka_unit_test(test_read_only_beside_written),
        cmocka_unit_test(test_inherits_nothing),
        cmocka_unit_test(test_ends_in_time),
        cmocka_unit_test(test_prints_for_ever),
        cmocka_unit_test(test_takes_no_memory_nor_disk_for_ever),
        cmocka_unit_test(test_last_words),
        cmocka_unit_test(test_dies_with_us),
        cmocka_unit_test(test_programs_that_are_not_there),
        cmocka_unit_test(test_filter_fits),
    };
    enum cage best;
    ncages = 0;
    cage_force(CAGE_NONE);
    best = cage_find();
    if (best == CAGE_BUBBLE)
        cages[ncages++] = CAGE_BUBBLE;
    struct sock_filter code[FILTER_MAX];
    if (land_abi() > 0 && filter_make(code, false) > 0)
        cages[ncages++] = CAGE_LAND;
    print_message("as %s: %zu cages, the best is %d\n", who, ncages, (int)best);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    if (!ym_child_has("python3"))
        return 77; /* the children of this test are Python */
    int failed = run_all("the one who runs this");
    if (geteuid() != 0 || failed)
        return failed;
    pid_t pid = fork();
    if (pid == 0) {
        if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
            _exit(1);
        prctl(PR_SET_DUMPABLE, 1); /* as any program that such a user starts */
        exit(run_all("nobody"));
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
