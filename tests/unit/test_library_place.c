#include "library_fixture.h"

#include "tinyfs.h"

#include <sys/xattr.h>

#define ID1 "01HF0000000000000000000001"
#define ID2 "01HF0000000000000000000002"

static const char side1[] = "{\"prompt\":\"A sunset\",\"ymago\":{\"id\":\"" ID1 "\",\"mime\":\"image/png\","
                            "\"params\":{\"tags\":[\"sea\",\"evening\"]},\"prompt_file\":\"sunset.txt\"}}\n";
static const char side2[] = "{\"prompt\":\"Another\",\"ymago\":{\"id\":\"" ID2 "\",\"prompt_file\":\"sunset.txt\"}}\n";

static void set_up_placement(struct ym_placement *p, const char *bytes, const char *sidecar)
{
    *p = (struct ym_placement){.prompt = "images/sunset.txt", .ext = "png", .from_fd = -1,
                               .b2 = digest(bytes), .sidecar = sidecar, .mode = 0755,
                               .uid = geteuid(), .gid = getegid()};
}

/* Places staged bytes; the result's path is checked. */
static void place(struct lib_fixture *f, struct ym_placement *p, const char *bytes, const char *want)
{
    struct ym_err e = {.msg = ""};
    struct ym_whole w = lib_stage(f, bytes);
    p->staged = w.name;
    int r = ym_place_result(&f->lib, p, &e);
    if (r < 0)
        fail_msg("%d %s", r, e.msg);
    p->staged = NULL;
    assert_string_equal(p->result, want);
    lib_is(f, want, bytes);
    struct ym_ident now;
    assert_int_equal(ym_store_ident(f->base.s.lib_fd, want, &now), 0);
    assert_true(ym_ident_unchanged(&now, &p->ident));
    assert_int_equal(count_names(f->base.s.staging_fd, ""), 0); /* nothing is left behind */
}

/* The slot of a result that was placed. */
static struct ym_slot_row slot_of(const struct ym_placement *p)
{
    return (struct ym_slot_row){.status = YM_SLOT_WAITING, .result = p->result, .b2 = p->b2,
                                .ident = {p->ident.ino, p->ident.btime_ns, p->ident.size,
                                          p->ident.mtime_ns}};
}

static void object_is(const struct lib_fixture *f, const char *bytes, const char *ext)
{
    struct ym_digest d = digest(bytes);
    YM_AUTOCLOSE int fd = ym_object_open(&f->base.s, &d, ext);
    if (fd < 0)
        fail_msg("\"%s\" was not saved", bytes);
    YM_AUTOFREE char *got = NULL;
    assert_int_equal(ym_read_fd(fd, 1000, &got, NULL), 0);
    assert_string_equal(got, bytes);
}

static void first_placement(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_placement p;
    set_up_placement(&p, "PICTURE", side1);
    place(f, &p, "PICTURE", "images/sunset.png");
    lib_is(f, "images/sunset.png.json", side1);
    assert_int_equal(f->publishes, 2);
    assert_false(p.saved || p.kept);
    struct stat st;
    assert_int_equal(fstatat(f->base.s.lib_fd, p.result, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0644); /* the prompt's 0755 without its execute bits */
    ym_placement_fini(&p);
}

static void attributes_are_set_before_it_is_visible(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_placement p;
    char value[200];
    set_up_placement(&p, "PICTURE", "{\"prompt\":\"A\\nsunset\\u001b[31m\",\"ymago\":{\"id\":\"" ID1
                     "\",\"mime\":\"image/png\",\"url\":\"https://x.example/a\",\"params\":{\"tags\":[\"sea\",\"dusk\"]}}}");
    place(f, &p, "PICTURE", "images/sunset.png");
    YM_AUTOCLOSE int fd = ym_store_openat(&f->base.s, p.result, O_RDONLY, 0);
    static const char *const want[][2] = {{"user.mime_type", "image/png"},
                                          {"user.xdg.comment", "A sunset\\x1B[31m"},
                                          {"user.xdg.tags", "sea,dusk"},
                                          {"user.xdg.origin.url", "https://x.example/a"}};
    for (size_t i = 0; i < YM_COUNT(want); i++) {
        ssize_t n = fgetxattr(fd, want[i][0], value, sizeof(value) - 1);
        if (n < 0 && errno == ENOTSUP) {
            print_message("skipped: no extended attributes here\n");
            ym_placement_fini(&p);
            skip();
        }
        assert_true(n >= 0);
        value[n] = '\0';
        assert_string_equal(value, want[i][1]);
    }
    ym_placement_fini(&p);
}

/* Which of the two came first. */
static bool media_seen_without_sidecar;
static void look_at_order(struct lib_fixture *f, const char *path)
{
    if (strcmp(path, "images/sunset.png") == 0 && !lib_has(f, "images/sunset.png.json"))
        media_seen_without_sidecar = true;
}

static void sidecar_comes_first(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_placement p;
    media_seen_without_sidecar = false;
    f->before = look_at_order;
    set_up_placement(&p, "PICTURE", side1);
    place(f, &p, "PICTURE", "images/sunset.png");
    assert_false(media_seen_without_sidecar);
    ym_placement_fini(&p);
}

static void names_taken_by_others(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_placement p;
    lib_put(f, "images/sunset.png", "holiday photo");
    set_up_placement(&p, "PICTURE", side1);
    place(f, &p, "PICTURE", "images/sunset.txt.png");
    lib_is(f, "images/sunset.png", "holiday photo");
    assert_false(lib_has(f, "images/sunset.png.json"));
    lib_is(f, "images/sunset.txt.png.json", side1);
    ym_placement_fini(&p);

    /* Somebody's text at the sidecar's name takes the name as well. */
    lib_put(f, "images/sunset.txt-2.png.json", "{\"my\":\"notes\"}");
    set_up_placement(&p, "OTHER", side1);
    place(f, &p, "OTHER", "images/sunset.txt-3.png");
    lib_is(f, "images/sunset.txt-2.png.json", "{\"my\":\"notes\"}");
    assert_false(lib_has(f, "images/sunset.txt-2.png"));
    ym_placement_fini(&p);

    /* A link, even a dangling one, and a folder are taken names too. */
    assert_int_equal(symlinkat("nowhere", f->base.s.lib_fd, "images/sunset-2.png"), 0);
    assert_int_equal(mkdirat(f->base.s.lib_fd, "images/sunset-2.txt.png", 0755), 0);
    set_up_placement(&p, "SECOND", NULL);
    p.idx = 1;
    place(f, &p, "SECOND", "images/sunset-2.txt-2.png");
    assert_false(lib_has(f, "images/sunset-2.txt-2.png.json"));
    ym_placement_fini(&p);
}

static void further_pictures_and_own_names(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_placement p;
    set_up_placement(&p, "B", NULL);
    p.idx = 3;
    place(f, &p, "B", "images/sunset-4.png");
    ym_placement_fini(&p);
    set_up_placement(&p, "C", NULL);
    p.output_filename = "hero";
    place(f, &p, "C", "images/hero.png");
    ym_placement_fini(&p);
    set_up_placement(&p, "D", NULL);
    p.prompt = "top.x4.txt";
    place(f, &p, "D", "top.png");
    ym_placement_fini(&p);
}

static void clones_leave_their_source(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_placement p;
    struct ym_err e;
    lib_put(f, "elsewhere.png", "PICTURE");
    YM_AUTOCLOSE int fd = openat(f->base.s.lib_fd, "elsewhere.png", O_RDONLY | O_CLOEXEC);
    set_up_placement(&p, "PICTURE", side1);
    p.from_fd = fd;
    assert_int_equal(ym_place_result(&f->lib, &p, &e), 0);
    assert_string_equal(p.result, "images/sunset.png");
    lib_is(f, "images/sunset.png", "PICTURE");
    lib_is(f, "elsewhere.png", "PICTURE");
    ym_placement_fini(&p);

    /* The source is being written to: nothing of it may be shown. */
    lib_put(f, "elsewhere.png", "PICTURe");
    p.prompt = "images/dawn.txt";
    assert_int_equal(ym_place_result(&f->lib, &p, &e), -EAGAIN);
    assert_null(p.result);
    assert_false(lib_has(f, "images/dawn.png") || lib_has(f, "images/dawn.png.json"));
    assert_int_equal(count_names(f->base.s.staging_fd, ""), 0);
}

static void our_own_is_replaced_and_saved(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_placement p, q;
    set_up_placement(&p, "OLD", side1);
    place(f, &p, "OLD", "images/sunset.png");
    struct ym_slot_row old = slot_of(&p);
    /* Only its time was changed: still ours, by its bytes. */
    struct ym_err e;
    assert_int_equal(ym_placer_plain.touch(&f->base.s, p.result, &e), 0);
    set_up_placement(&q, "NEW", side2);
    q.old = &old;
    place(f, &q, "NEW", "images/sunset.png");
    assert_true(q.saved);
    assert_false(q.kept);
    lib_is(f, "images/sunset.png.json", side2);
    object_is(f, "OLD", "png");
    assert_int_equal(f->removes, 0); /* one rename each, no moment without a picture */
    ym_placement_fini(&p);
    ym_placement_fini(&q);
}

static void a_changed_result_is_theirs(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_placement p, q;
    set_up_placement(&p, "OLD", side1);
    place(f, &p, "OLD", "images/sunset.png");
    struct ym_slot_row old = slot_of(&p);
    lib_put(f, "images/sunset.png", "OLD, retouched");
    set_up_placement(&q, "NEW", side2);
    q.old = &old;
    place(f, &q, "NEW", "images/sunset.txt.png");
    assert_true(q.kept);
    assert_false(q.saved);
    lib_is(f, "images/sunset.png", "OLD, retouched");
    lib_is(f, "images/sunset.png.json", side1);
    lib_is(f, "images/sunset.txt.png.json", side2);
    ym_placement_fini(&p);
    ym_placement_fini(&q);
}

static void same_length_is_not_same_bytes(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_placement p, q;
    set_up_placement(&p, "OLD", NULL);
    place(f, &p, "OLD", "images/sunset.png");
    struct ym_slot_row old = slot_of(&p);
    lib_put(f, "images/sunset.png", "OLd");
    set_up_placement(&q, "NEW", NULL);
    q.old = &old;
    place(f, &q, "NEW", "images/sunset.txt.png");
    lib_is(f, "images/sunset.png", "OLd");
    ym_placement_fini(&p);
    ym_placement_fini(&q);
}

static void a_moved_result_is_left_alone(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_placement p, q;
    lib_put(f, "images/best.png", "OLD");
    set_up_placement(&p, "OLD", NULL);
    p.result = ym_strdup("images/best.png"); /* as recorded after the user's rename */
    struct ym_slot_row old = slot_of(&p);
    set_up_placement(&q, "NEW", NULL);
    q.old = &old;
    place(f, &q, "NEW", "images/sunset.png");
    assert_true(q.kept);
    lib_is(f, "images/best.png", "OLD");
    ym_placement_fini(&p);
    ym_placement_fini(&q);
}

static void a_deleted_result_comes_back(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_placement p, q;
    set_up_placement(&p, "OLD", NULL);
    place(f, &p, "OLD", "images/sunset.png");
    struct ym_slot_row old = slot_of(&p);
    assert_int_equal(unlinkat(f->base.s.lib_fd, "images/sunset.png", 0), 0);
    set_up_placement(&q, "OLD", NULL);
    q.old = &old;
    place(f, &q, "OLD", "images/sunset.png");
    assert_false(q.kept || q.saved);
    ym_placement_fini(&p);
    ym_placement_fini(&q);
}

static void another_extension_retires_the_old(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_placement p, q;
    set_up_placement(&p, "OLD", side1);
    place(f, &p, "OLD", "images/sunset.png");
    struct ym_slot_row old = slot_of(&p);
    set_up_placement(&q, "NEW", side2);
    q.ext = "jpg";
    q.old = &old;
    place(f, &q, "NEW", "images/sunset.jpg");
    assert_true(q.saved);
    assert_false(lib_has(f, "images/sunset.png") || lib_has(f, "images/sunset.png.json"));
    object_is(f, "OLD", "png");
    ym_placement_fini(&p);
    ym_placement_fini(&q);
}

static void the_same_bytes_stay(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_placement p;
    lib_put(f, "images/sunset.png", "PICTURE");
    struct ym_ident before, after;
    assert_int_equal(ym_store_ident(f->base.s.lib_fd, "images/sunset.png", &before), 0);
    set_up_placement(&p, "PICTURE", side1);
    place(f, &p, "PICTURE", "images/sunset.png");
    assert_int_equal(ym_store_ident(f->base.s.lib_fd, "images/sunset.png", &after), 0);
    assert_true(ym_ident_unchanged(&before, &after));
    lib_is(f, "images/sunset.png.json", side1); /* it was missing */
    assert_int_equal(f->publishes, 1);
    ym_placement_fini(&p);
    set_up_placement(&p, "PICTURE", side2);
    place(f, &p, "PICTURE", "images/sunset.png");
    lib_is(f, "images/sunset.png.json", side1); /* it was there */
    ym_placement_fini(&p);
}

static void another_prompts_file_is_not_shared(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_placement p;
    set_up_placement(&p, "PICTURE", side1);
    place(f, &p, "PICTURE", "images/sunset.png");
    ym_placement_fini(&p);
    lib_put(f, "images/sunset.txt", "A sunset");
    set_up_placement(&p, "PICTURE", side2);
    p.prompt = "images/sunset.md";
    place(f, &p, "PICTURE", "images/sunset.md.png");
    ym_placement_fini(&p);
    /* With the other prompt gone (it was renamed to .md) there is no dispute. */
    assert_int_equal(unlinkat(f->base.s.lib_fd, "images/sunset.txt", 0), 0);
    set_up_placement(&p, "PICTURE", side2);
    p.prompt = "images/sunset.prompt";
    place(f, &p, "PICTURE", "images/sunset.png");
    ym_placement_fini(&p);
}

/* Between the look and the rename somebody else takes the name. */
static void take_name_once(struct lib_fixture *f, const char *path)
{
    if (strcmp(path, "images/sunset.png") != 0)
        return;
    f->before = NULL;
    lib_put(f, "images/sunset.png", "faster");
}

static void a_lost_race_withdraws_the_sidecar(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_placement p;
    f->before = take_name_once;
    set_up_placement(&p, "PICTURE", side1);
    place(f, &p, "PICTURE", "images/sunset.txt.png");
    lib_is(f, "images/sunset.png", "faster");
    assert_false(lib_has(f, "images/sunset.png.json"));
    assert_int_equal(f->removes, 1);
    lib_is(f, "images/sunset.txt.png.json", side1);
    ym_placement_fini(&p);
}

/* Between the digest and the rename the user writes into the old result. */
static void retouch_once(struct lib_fixture *f, const char *path)
{
    if (strcmp(path, "images/sunset.png") != 0)
        return;
    f->before = NULL;
    lib_put(f, "images/sunset.png", "OLD, retouched at the last moment");
}

static void a_change_at_the_last_moment_is_kept(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_placement p, q;
    set_up_placement(&p, "OLD", side1);
    place(f, &p, "OLD", "images/sunset.png");
    struct ym_slot_row old = slot_of(&p);
    f->before = retouch_once;
    set_up_placement(&q, "NEW", side2);
    q.old = &old;
    place(f, &q, "NEW", "images/sunset.txt.png");
    assert_true(q.kept);
    lib_is(f, "images/sunset.png", "OLD, retouched at the last moment");
    lib_is(f, "images/sunset.png.json", side1); /* put back */
    lib_is(f, "images/sunset.txt.png.json", side2);
    ym_placement_fini(&p);
    ym_placement_fini(&q);
}

static void touched_meanwhile(struct lib_fixture *f, const char *path)
{
    struct ym_err e;
    if (strcmp(path, "images/sunset.png") != 0)
        return;
    f->before = NULL;
    const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    assert_int_equal(utimensat(f->base.s.lib_fd, path, times, 0), 0);
    (void)e;
}

static void a_touch_at_the_last_moment_is_no_change(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_placement p, q;
    set_up_placement(&p, "OLD", side1);
    place(f, &p, "OLD", "images/sunset.png");
    struct ym_slot_row old = slot_of(&p);
    f->before = touched_meanwhile;
    set_up_placement(&q, "NEW", side2);
    q.old = &old;
    place(f, &q, "NEW", "images/sunset.png");
    assert_true(q.saved);
    lib_is(f, "images/sunset.png.json", side2);
    ym_placement_fini(&p);
    ym_placement_fini(&q);
}

static void an_orphan_sidecar_of_ours_is_taken_over(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_placement p;
    lib_put(f, "images/sunset.png.json", side1); /* killed between the two renames */
    set_up_placement(&p, "PICTURE", side2);
    place(f, &p, "PICTURE", "images/sunset.png");
    lib_is(f, "images/sunset.png.json", side2);
    ym_placement_fini(&p);
}

static void somebodys_sidecar_does_not_stop_a_replacement(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_placement p, q;
    set_up_placement(&p, "OLD", NULL);
    place(f, &p, "OLD", "images/sunset.png");
    struct ym_slot_row old = slot_of(&p);
    lib_put(f, "images/sunset.png.json", "my own notes");
    set_up_placement(&q, "NEW", side2);
    q.old = &old;
    place(f, &q, "NEW", "images/sunset.png");
    lib_is(f, "images/sunset.png.json", "my own notes");
    ym_placement_fini(&p);
    ym_placement_fini(&q);
}

static void a_failure_leaves_no_trace(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_placement p;
    struct ym_err e;
    struct ym_whole w = lib_stage(f, "PICTURE");
    set_up_placement(&p, "PICTURE", side1);
    p.staged = w.name;
    f->refuse = ENOSPC;
    f->refuse_path = "images/sunset.png";
    assert_int_equal(ym_place_result(&f->lib, &p, &e), -ENOSPC);
    assert_null(p.result);
    assert_false(lib_has(f, "images/sunset.png") || lib_has(f, "images/sunset.png.json"));
    /* What was paid for is still there to be placed later. */
    assert_int_equal(count_names(f->base.s.staging_fd, ""), 1);
    f->refuse = 0;
    assert_int_equal(ym_place_result(&f->lib, &p, &e), 0);
    lib_is(f, "images/sunset.png", "PICTURE");
    ym_placement_fini(&p);
}

static void a_folder_that_is_gone(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_placement p;
    struct ym_err e;
    struct ym_whole w = lib_stage(f, "PICTURE");
    set_up_placement(&p, "PICTURE", side1);
    p.prompt = "images/trip/sunset.txt";
    p.staged = w.name;
    assert_int_equal(ym_place_result(&f->lib, &p, &e), -ENOENT);
    assert_int_equal(count_names(f->base.s.staging_fd, ""), 1);
    /* Nor is a link followed out of the library. */
    assert_int_equal(symlinkat("/tmp", f->base.s.lib_fd, "images/trip"), 0);
    assert_int_equal(ym_place_result(&f->lib, &p, &e), -ELOOP);
    assert_int_equal(e.cls, YM_INVALID);
    assert_int_equal(count_names(f->base.s.staging_fd, ""), 1);
}

static void a_name_too_long_still_gets_a_place(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_placement p;
    struct ym_err e;
    char prompt[270] = "images/";
    memset(prompt + 7, 'a', 251);
    memcpy(prompt + 7 + 251, ".txt", 5);
    struct ym_whole w = lib_stage(f, "PICTURE");
    set_up_placement(&p, "PICTURE", side1);
    p.prompt = prompt;
    p.staged = w.name;
    assert_int_equal(ym_place_result(&f->lib, &p, &e), 0);
    lib_is(f, p.result, "PICTURE");
    assert_memory_equal(p.result, "images/aaaaaaaa", 15);
    struct ym_slot_row old = slot_of(&p);
    struct ym_placement q;
    set_up_placement(&q, "NEW", side2);
    q.prompt = prompt;
    q.old = &old;
    place(f, &q, "NEW", p.result);
    ym_placement_fini(&p);
    ym_placement_fini(&q);
}

static void another_file_system_below(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_placement p, q;
    YM_AUTOFREE char *dir = ym_asprintf("%s/images", f->base.dir);
    if (!tinyfs_mount(dir, "size=1m"))
        TINYFS_SKIP();
    lib_reopen(f);
    set_up_placement(&p, "OLD", side1);
    place(f, &p, "OLD", "images/sunset.png");
    struct ym_slot_row old = slot_of(&p);
    set_up_placement(&q, "NEW", side2);
    q.old = &old;
    place(f, &q, "NEW", "images/sunset.png");
    assert_true(q.saved);
    lib_is(f, "images/sunset.png.json", side2);
    object_is(f, "OLD", "png");
    int fd = ym_store_openat(&f->base.s, "images", O_RDONLY | O_DIRECTORY, 0);
    assert_int_equal(count_names(fd, ""), 2); /* no temporary is left */
    close(fd);
    ym_placement_fini(&p);
    ym_placement_fini(&q);
    assert_int_equal(umount2(dir, MNT_DETACH), 0);
}

static void the_plain_placer(void **state)
{
    struct lib_fixture *f = *state;
    struct ym_err e;
    struct ym_ident id, other;
    lib_put(f, "a", "A");
    lib_put(f, "b", "B");
    assert_int_equal(ym_store_ident(f->base.s.lib_fd, "a", &id), 0);
    assert_int_equal(ym_store_ident(f->base.s.lib_fd, "b", &other), 0);
    assert_int_equal(ym_placer_plain.remove(&f->base.s, "a", &other, &e), -EAGAIN);
    lib_is(f, "a", "A");
    struct ym_whole w = lib_stage(f, "N");
    assert_int_equal(ym_placer_plain.publish(&f->base.s, w.name, "a", NULL, &e), -EEXIST);
    assert_int_equal(ym_placer_plain.publish(&f->base.s, w.name, "a", &other, &e), -EAGAIN);
    assert_int_equal(ym_placer_plain.publish(&f->base.s, w.name, "gone", &other, &e), -EAGAIN);
    assert_int_equal(ym_placer_plain.publish(&f->base.s, w.name, "no/where", NULL, &e), -ENOENT);
    assert_int_equal(ym_placer_plain.publish(&f->base.s, w.name, "../x", NULL, &e), -EXDEV);
    lib_is(f, "a", "A");
    assert_int_equal(ym_placer_plain.publish(&f->base.s, w.name, "a", &id, &e), 0);
    lib_is(f, "a", "N");
    assert_int_equal(ym_placer_plain.remove(&f->base.s, "b", &other, &e), 0);
    assert_int_equal(ym_placer_plain.remove(&f->base.s, "b", &other, &e), 0);
    assert_int_equal(ym_placer_plain.remove(&f->base.s, "no/where", &other, &e), 0);
    assert_int_equal(ym_placer_plain.touch(&f->base.s, "b", &e), -ENOENT);
}

#define T(name) cmocka_unit_test_setup_teardown(name, lib_setup, lib_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(first_placement),
        T(attributes_are_set_before_it_is_visible),
        T(sidecar_comes_first),
        T(names_taken_by_others),
        T(further_pictures_and_own_names),
        T(clones_leave_their_source),
        T(our_own_is_replaced_and_saved),
        T(a_changed_result_is_theirs),
        T(same_length_is_not_same_bytes),
        T(a_moved_result_is_left_alone),
        T(a_deleted_result_comes_back),
        T(another_extension_retires_the_old),
        T(the_same_bytes_stay),
        T(another_prompts_file_is_not_shared),
        T(a_lost_race_withdraws_the_sidecar),
        T(a_change_at_the_last_moment_is_kept),
        T(a_touch_at_the_last_moment_is_no_change),
        T(an_orphan_sidecar_of_ours_is_taken_over),
        T(somebodys_sidecar_does_not_stop_a_replacement),
        T(a_failure_leaves_no_trace),
        T(a_folder_that_is_gone),
        T(a_name_too_long_still_gets_a_place),
        T(another_file_system_below),
        T(the_plain_placer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
