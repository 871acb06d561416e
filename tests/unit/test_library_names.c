#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <ymago/library.h>

struct name_case {
    const char *name;
    enum ym_name_class cls;
    const char *stem, *ext;
    int n, ref;
};

/* clang-format off */
static const struct name_case names[] = {
    {"sunset.txt",            YM_NM_PROMPT,    "sunset",        "txt", 0, 0},
    {"sunset.md",             YM_NM_PROMPT,    "sunset",        "md", 0, 0},
    {"sunset.prompt",         YM_NM_PROMPT,    "sunset",        "prompt", 0, 0},
    {"SUNSET.TXT",            YM_NM_PROMPT,    "SUNSET",        "txt", 0, 0},
    {"a b.c.txt",             YM_NM_PROMPT,    "a b.c",         "txt", 0, 0},
    {"sunset.png.txt",        YM_NM_PROMPT,    "sunset.png",    "txt", 0, 0},
    {"sedan.txt",             YM_NM_PROMPT,    "sedan",         "txt", 0, 0},
    {"h\xc3\xa4user.txt",     YM_NM_PROMPT,    "h\xc3\xa4user", "txt", 0, 0},
    {"sunset.x2.txt",         YM_NM_PROMPT,    "sunset",        "txt", 2, 0},
    {"sunset.x64.md",         YM_NM_PROMPT,    "sunset",        "md", 64, 0},
    {"sunset.x1.txt",         YM_NM_PROMPT,    "sunset.x1",     "txt", 0, 0},
    {"sunset.x0.txt",         YM_NM_PROMPT,    "sunset.x0",     "txt", 0, 0},
    {"sunset.x65.txt",        YM_NM_PROMPT,    "sunset.x65",    "txt", 0, 0},
    {"sunset.x02.txt",        YM_NM_PROMPT,    "sunset.x02",    "txt", 0, 0},
    {"sunset.x.txt",          YM_NM_PROMPT,    "sunset.x",      "txt", 0, 0},
    {"sunset.x4a.txt",        YM_NM_PROMPT,    "sunset.x4a",    "txt", 0, 0},
    {"sunset.x4000.txt",      YM_NM_PROMPT,    "sunset.x4000",  "txt", 0, 0},
    {"sunset.y4.txt",         YM_NM_PROMPT,    "sunset.y4",     "txt", 0, 0},
    {"sunsetx4.txt",          YM_NM_PROMPT,    "sunsetx4",      "txt", 0, 0},
    {"x4.txt",                YM_NM_PROMPT,    "x4",            "txt", 0, 0},
    {"a.x3.x4.txt",           YM_NM_PROMPT,    "a.x3",          "txt", 4, 0},
    {"rows.csv",              YM_NM_BATCH,     "rows",          "csv", 0, 0},
    {"rows.tsv",              YM_NM_BATCH,     "rows",          "tsv", 0, 0},
    {"rows.jsonl",            YM_NM_BATCH,     "rows",          "jsonl", 0, 0},
    {"rows.NDJSON",           YM_NM_BATCH,     "rows",          "ndjson", 0, 0},
    {"rows.json",             YM_NM_DOCUMENT,  "rows",          "json", 0, 0},
    {"rows.yaml",             YM_NM_DOCUMENT,  "rows",          "yaml", 0, 0},
    {"rows.yml",              YM_NM_DOCUMENT,  "rows",          "yml", 0, 0},
    {"sunset.png.json",       YM_NM_SIDECAR,   "sunset.png",    "json", 0, 0},
    {"sunset.PNG.json",       YM_NM_SIDECAR,   "sunset.PNG",    "json", 0, 0},
    {"clip.mp4.json",         YM_NM_SIDECAR,   "clip.mp4",      "json", 0, 0},
    {"song.mp3.json",         YM_NM_SIDECAR,   "song.mp3",      "json", 0, 0},
    {"story.out.md.json",     YM_NM_SIDECAR,   "story.out.md",  "json", 0, 0},
    {"a.out.json.json",       YM_NM_SIDECAR,   "a.out.json",    "json", 0, 0},
    {"sunset.foo.json",       YM_NM_DOCUMENT,  "sunset.foo",    "json", 0, 0},
    {"sunset.in.png",         YM_NM_REFERENCE, "sunset",        "png", 0, 1},
    {"sunset.in.JPG",         YM_NM_REFERENCE, "sunset",        "jpg", 0, 1},
    {"sunset.in2.webp",       YM_NM_REFERENCE, "sunset",        "webp", 0, 2},
    {"sunset.in16.jpeg",      YM_NM_REFERENCE, "sunset",        "jpeg", 0, 16},
    {"a.b.in3.png",           YM_NM_REFERENCE, "a.b",           "png", 0, 3},
    {"sunset.in17.png",       YM_NM_MEDIA,     "sunset.in17",   "png", 0, 0},
    {"sunset.in1.png",        YM_NM_MEDIA,     "sunset.in1",    "png", 0, 0},
    {"sunset.in02.png",       YM_NM_MEDIA,     "sunset.in02",   "png", 0, 0},
    {"sunset.inx.png",        YM_NM_MEDIA,     "sunset.inx",    "png", 0, 0},
    {"sunset.in.Png",         YM_NM_MEDIA,     "sunset.in",     "png", 0, 0},
    {"sunset.in.mp4",         YM_NM_MEDIA,     "sunset.in",     "mp4", 0, 0},
    {"in.png",                YM_NM_MEDIA,     "in",            "png", 0, 0},
    {"sunset.in.txt",         YM_NM_PROMPT,    "sunset.in",     "txt", 0, 0},
    {"sunset.png",            YM_NM_MEDIA,     "sunset",        "png", 0, 0},
    {"clip.mp4",              YM_NM_MEDIA,     "clip",          "mp4", 0, 0},
    {"song.wav",              YM_NM_MEDIA,     "song",          "wav", 0, 0},
    {"sunset.error.log",      YM_NM_NOTE,      "sunset",        "", 0, 0},
    {"prompts.csv.held.log",  YM_NM_NOTE,      "prompts.csv",   "", 0, 0},
    {"sunset.approved.log",   YM_NM_NOTE,      "sunset",        "", 0, 0},
    {"sunset.working.log",    YM_NM_NOTE,      "sunset",        "", 0, 0},
    {"sunset.other.log",      YM_NM_PLAIN,     "",              "log", 0, 0},
    {"folder.toml",           YM_NM_FOLDER,    "folder",        "toml", 0, 0},
    {"Folder.toml",           YM_NM_PLAIN,     "",              "toml", 0, 0},
    {"rows.xlsx",             YM_NM_SHEET,     "rows",          "xlsx", 0, 0},
    {"rows.ods",              YM_NM_SHEET,     "rows",          "ods", 0, 0},
    {"README.md",             YM_NM_PLAIN,     "",              "", 0, 0},
    {"readme.txt",            YM_NM_PLAIN,     "",              "", 0, 0},
    {"README-first.txt",      YM_NM_PLAIN,     "",              "", 0, 0},
    {"STATUS.txt",            YM_NM_PLAIN,     "",              "", 0, 0},
    {".hidden.txt",           YM_NM_PLAIN,     "",              "", 0, 0},
    {"#draft.txt",            YM_NM_PLAIN,     "",              "", 0, 0},
    {"_draft.txt",            YM_NM_PLAIN,     "",              "", 0, 0},
    {".sunset.txt.swp",       YM_NM_PLAIN,     "",              "", 0, 0},
    {"sunset.txt~",           YM_NM_PLAIN,     "",              "", 0, 0},
    {"sunset.txt.tmp",        YM_NM_PLAIN,     "",              "", 0, 0},
    {"sunset.txt.part",       YM_NM_PLAIN,     "",              "", 0, 0},
    {"sunset.txt.swp",        YM_NM_PLAIN,     "",              "", 0, 0},
    {"sunset.txt.swx",        YM_NM_PLAIN,     "",              "", 0, 0},
    {"sunset.txt.bak",        YM_NM_PLAIN,     "",              "", 0, 0},
    {"sunset.txt.orig",       YM_NM_PLAIN,     "",              "", 0, 0},
    {"rows.csv.crdownload",   YM_NM_PLAIN,     "",              "", 0, 0},
    {"sedAb3xYz",             YM_NM_PLAIN,     "",              "", 0, 0},
    {"story.out.md",          YM_NM_PLAIN,     "",              "", 0, 0},
    {"story.out.json",        YM_NM_PLAIN,     "",              "", 0, 0},
    {"bad\xff.txt",           YM_NM_PLAIN,     "",              "", 0, 0},
    {"4913",                  YM_NM_PLAIN,     "",              "", 0, 0},
    {"noext",                 YM_NM_PLAIN,     "",              "", 0, 0},
    {".txt",                  YM_NM_PLAIN,     "",              "", 0, 0},
    {"",                      YM_NM_PLAIN,     "",              "", 0, 0},
    {"a.html",                YM_NM_PLAIN,     "",              "html", 0, 0},
    {"a.averyveryverylongextension", YM_NM_PLAIN, "",           "", 0, 0},
};
/* clang-format on */

static void every_pattern(void **state)
{
    (void)state;
    for (size_t i = 0; i < YM_COUNT(names); i++) {
        const struct name_case *c = &names[i];
        struct ym_name n;
        memset(&n, 0x5a, sizeof(n));
        ym_name_classify(c->name, &n);
        if (n.cls != c->cls || strcmp(n.stem, c->stem) != 0 || strcmp(n.ext, c->ext) != 0 ||
            n.n != c->n || n.ref != c->ref)
            fail_msg("%s: class %d stem \"%s\" ext \"%s\" n %d ref %d", c->name, (int)n.cls, n.stem,
                     n.ext, n.n, n.ref);
        assert_true((n.cls == YM_NM_NOTE) == (n.note != NULL));
    }
    struct ym_name n;
    ym_name_classify("x.held.log", &n);
    assert_string_equal(n.note, "held");
}

static void the_longest_name(void **state)
{
    (void)state;
    char name[300];
    struct ym_name n;
    memset(name, 'a', sizeof(name));
    memcpy(name + 251, ".txt", 5);
    ym_name_classify(name, &n);
    assert_int_equal(n.cls, YM_NM_PROMPT);
    assert_int_equal(strlen(n.stem), 251);
    memset(name, 'a', sizeof(name));
    memcpy(name + 252, ".txt", 5); /* no file system has such a name */
    ym_name_classify(name, &n);
    assert_int_equal(n.cls, YM_NM_PLAIN);
}

static void kinds_of_paths(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum ym_kind kind;
        bool batch, hidden;
    } cases[] = {
        {"images/a.txt", YM_IMAGE, true, false},
        {"images/trip/a.txt", YM_IMAGE, true, false},
        {"trip/videos/a.txt", YM_VIDEO, true, false},
        {"images/videos/a.txt", YM_IMAGE, true, false},
        {"audio/a.txt", YM_AUDIO, true, false},
        {"sfx/a.txt", YM_SFX, true, false},
        {"texts/a.txt", YM_TEXT, true, false},
        {"batches/a.csv", YM_KIND_NONE, true, false},
        {"a.txt", YM_KIND_NONE, false, false},
        {"images", YM_KIND_NONE, false, false},
        {"images/", YM_IMAGE, true, false},
        {"imagesx/a.txt", YM_KIND_NONE, false, false},
        {"Images/a.txt", YM_KIND_NONE, false, false},
        {"image/a.txt", YM_KIND_NONE, false, false},
        {"images/.secret/a.txt", YM_KIND_NONE, false, true},
        {".Trash-1000/files/images/a.txt", YM_KIND_NONE, false, true},
        {"images/rows.batch/a.txt", YM_KIND_NONE, false, true},
        {"images/p.refine/a.txt", YM_KIND_NONE, false, true},
        {"images/rows.batch", YM_IMAGE, true, false},
        {"images/.a.txt", YM_IMAGE, true, true},
        {".ymago", YM_KIND_NONE, false, true},
        {"", YM_KIND_NONE, false, false},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        if (ym_path_kind(cases[i].path) != cases[i].kind ||
            ym_path_is_batch_folder(cases[i].path) != cases[i].batch ||
            ym_path_hidden(cases[i].path) != cases[i].hidden)
            fail_msg("%s: kind %d batch %d hidden %d", cases[i].path,
                     (int)ym_path_kind(cases[i].path), ym_path_is_batch_folder(cases[i].path),
                     ym_path_hidden(cases[i].path));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pattern),
        cmocka_unit_test(the_longest_name),
        cmocka_unit_test(kinds_of_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
