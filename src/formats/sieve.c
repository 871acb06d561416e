/* The sieve: an incremental look at a JSON reply that keeps media out of memory.
 *
 * It does not parse: it only knows where strings begin and end, and whether one is the value of a
 * media key. The document that passes is bounded and is parsed, strictly, at the end; so whatever a
 * text that is no JSON does here, it cannot come out as a good document. Each byte is looked at by
 * memchr and then copied or decoded; there is no state that depends on how the input was cut. */
#include <errno.h>
#include <string.h>
#include <ymago/formats.h>

#define BLOCK_SIZE    65536 /* decoded bytes are handed out in blocks of about this size */
#define BLOCK_LOW     64    /* with less room than this a block is full */
#define DATA_URL_MAX  256   /* of "data:image/png;base64" */
#define DEFAULT_LONG  65536
#define DEFAULT_DOC   1048576
#define DEFAULT_MEDIA 64
#define RANDOM_BYTES  16
#define TOKEN_SIZE    64

enum place {
    OUTSIDE, /* between strings */
    TEXT,    /* in a string that passes */
    DROPPED, /* in a string that was too long */
    MEDIA,   /* in a string that is diverted */
};
enum gap { /* what stands since the last string */
           GAP_BLANK,
           GAP_COLON, /* one colon: the last string was a key */
           GAP_ARRAY, /* a colon and a bracket: an array begins under it */
           GAP_COMMA, /* one comma */
           GAP_OTHER,
};
enum head { HEAD_FIRST, HEAD_DATA_URL, HEAD_DONE }; /* of a diverted string */

struct ym_sieve {
    struct ym_sieve_sink sink;
    struct key {
        char *name;
        bool array; /* "name[]": the strings of the array under it */
    } *keys;
    size_t nkeys, longest_key;
    size_t long_string, max_document, max_media;
    bool failed;

    struct ym_buf doc;
    enum place place;
    enum gap gap;
    size_t string_at, string_len; /* the last string that passed: its text in doc */
    bool escaped;                 /* TEXT, DROPPED: the next byte follows a backslash */
    bool in_array;                /* the last string was diverted as an element */

    /* MEDIA */
    char escape[6]; /* a backslash and what follows, as far as it has come */
    unsigned nescape;
    enum head head;
    unsigned nhead; /* letters of "data:", or of the whole data URL, so far */
    char tail[7];   /* the last of the data URL */
    bool begun;
    unsigned nmedia; /* begun so far; the one in hand is nmedia - 1 */
    struct ym_b64_dec dec;
    uint8_t *block;
    size_t used;

    char token[TOKEN_SIZE]; /* "ymago-media:RANDOM:", the number follows */
};

/* Where the next quote and backslash of a piece of input are: each is searched for only once. */
struct special {
    const char *quote, *slash, *end;
};

struct ym_sieve *ym_sieve_new(const struct ym_sieve_spec *spec, const struct ym_sieve_sink *sink)
{
    struct ym_sieve *s = ym_alloc(sizeof *s);
    ym_assert(sink->begin && sink->data && sink->end);
    s->sink = *sink;
    s->long_string = spec->long_string ? spec->long_string : DEFAULT_LONG;
    s->max_document = spec->max_document ? spec->max_document : DEFAULT_DOC;
    s->max_media = spec->max_media ? spec->max_media : DEFAULT_MEDIA;
    while (spec->media_keys && spec->media_keys[s->nkeys])
        s->nkeys++;
    s->keys = ym_alloc_array(s->nkeys, sizeof s->keys[0]);
    for (size_t i = 0; i < s->nkeys; i++) {
        size_t n = strlen(spec->media_keys[i]);
        bool array = n > 2 && strcmp(spec->media_keys[i] + n - 2, "[]") == 0;
        n -= array ? 2 : 0;
        s->keys[i] = (struct key){ym_strndup(spec->media_keys[i], n), array};
        s->longest_key = n > s->longest_key ? n : s->longest_key;
    }
    /* One string more than passes: its length is known only when it ends. */
    ym_buf_init(&s->doc, s->max_document + s->long_string + TOKEN_SIZE);
    s->gap = GAP_OTHER;

    uint8_t rnd[RANDOM_BYTES];
    ym_random(rnd, sizeof rnd);
    int n = snprintf(s->token, sizeof s->token, "ymago-media:");
    for (size_t i = 0; i < sizeof rnd; i++)
        n += snprintf(s->token + n, sizeof s->token - (size_t)n, "%02x", rnd[i]);
    snprintf(s->token + n, sizeof s->token - (size_t)n, ":");
    return s;
}

void ym_sieve_free(struct ym_sieve *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->nkeys; i++)
        free(s->keys[i].name);
    free(s->keys);
    free(s->block);
    ym_buf_fini(&s->doc);
    free(s);
}

static int pass(struct ym_sieve *s, const char *p, size_t n)
{
    return ym_buf_add(&s->doc, p, n) < 0 ? -E2BIG : 0;
}

/* ---- keys ---- */

/* The byte that the escape at p (behind the backslash, n bytes) means, if it is ASCII; else -1. */
static int escape_value(const char *p, size_t n, size_t *ret_eaten)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    *ret_eaten = 1;
    if (n == 0)
        return -1;
    const char *at = *p ? strchr(from, *p) : NULL;
    if (at)
        return to[at - from];
    if (*p != 'u' || n < 5)
        return -1;
    int v = 0;
    for (size_t i = 1; i < 5; i++) {
        static const char hex[] = "0123456789abcdef0123456789ABCDEF";
        const char *digit = p[i] ? strchr(hex, p[i]) : NULL;
        if (!digit)
            return -1;
        v = v << 4 | ((digit - hex) & 15);
    }
    *ret_eaten = 5;
    return v < 0x80 ? v : -1;
}

static bool key_equals(const char *raw, size_t n, const char *key)
{
    size_t i = 0;
    for (; *key; key++) {
        if (i == n)
            return false;
        size_t eaten = 0;
        int c = (unsigned char)raw[i++];
        if (c == '\\') {
            c = escape_value(raw + i, n - i, &eaten);
            i += eaten;
        }
        if (c != (unsigned char)*key)
            return false;
    }
    return i == n;
}

static bool is_media_key(const struct ym_sieve *s, bool array)
{
    if (s->string_len > 6 * s->longest_key)
        return false;
    for (size_t i = 0; i < s->nkeys; i++)
        if (s->keys[i].array == array && key_equals(s->doc.data + s->string_at, s->string_len, s->keys[i].name))
            return true;
    return false;
}

/* ---- media ---- */

static int flush(struct ym_sieve *s)
{
    size_t n = s->used;
    s->used = 0;
    return n ? s->sink.data(s->sink.ctx, s->nmedia - 1, s->block, n) : 0;
}

static int media_begin(struct ym_sieve *s)
{
    if (s->nmedia == s->max_media)
        return -E2BIG;
    if (!s->block)
        s->block = ym_alloc(BLOCK_SIZE);
    s->begun = true;
    return s->sink.begin(s->sink.ctx, s->nmedia++);
}

static int decode(struct ym_sieve *s, const char *p, size_t n)
{
    int err = n && !s->begun ? media_begin(s) : 0;
    while (err == 0 && n > 0) {
        size_t take = ((BLOCK_SIZE - s->used) / 3 - 1) * 4;
        take = take < n ? take : n;
        ssize_t got = ym_b64_decode(&s->dec, p, take, s->block + s->used);
        if (got < 0)
            return -EBADMSG;
        s->used += (size_t)got;
        p += take;
        n -= take;
        if (BLOCK_SIZE - s->used < BLOCK_LOW)
            err = flush(s);
    }
    return err;
}

/* The start of a diverted string: "data:TYPE;base64," is skipped. Returns the bytes eaten, or an
 * error. */
static ssize_t media_head(struct ym_sieve *s, const char *p, size_t n)
{
    static const char scheme[] = "data:";
    size_t i = 0;
    for (; s->head == HEAD_FIRST && i < n; i++) {
        if (p[i] != scheme[s->nhead]) {
            s->head = HEAD_DONE;
            int err = decode(s, scheme, s->nhead);
            return err < 0 ? err : (ssize_t)i;
        }
        if (scheme[++s->nhead] == '\0')
            s->head = HEAD_DATA_URL;
    }
    for (; s->head == HEAD_DATA_URL && i < n; i++) {
        if (p[i] == ',') {
            s->head = HEAD_DONE;
            return memcmp(s->tail, ";base64", sizeof s->tail) == 0 ? (ssize_t)i + 1 : -EBADMSG;
        }
        if (++s->nhead > DATA_URL_MAX)
            return -EBADMSG;
        memmove(s->tail, s->tail + 1, sizeof s->tail - 1);
        s->tail[sizeof s->tail - 1] = p[i];
    }
    return (ssize_t)i;
}

static int media_text(struct ym_sieve *s, const char *p, size_t n)
{
    ssize_t eaten = s->head == HEAD_DONE ? 0 : media_head(s, p, n);
    if (eaten < 0)
        return (int)eaten;
    return decode(s, p + eaten, n - (size_t)eaten);
}

/* One byte of an escape; acts when it is whole. */
static int media_escape(struct ym_sieve *s, char c)
{
    s->escape[s->nescape++] = c;
    if (s->escape[1] == 'u' && s->nescape < sizeof s->escape)
        return 0;
    size_t eaten;
    int v = escape_value(s->escape + 1, s->nescape - 1, &eaten);
    s->nescape = 0;
    if (v < 0)
        return -EBADMSG;
    char byte = (char)v;
    return media_text(s, &byte, 1);
}

static int media_close(struct ym_sieve *s)
{
    char token[TOKEN_SIZE + 16];
    int err = 0;
    if (s->head == HEAD_DATA_URL)
        return -EBADMSG;
    if (s->head == HEAD_FIRST)
        err = decode(s, "data", s->nhead); /* "d", "data" ... were no scheme */
    if (err < 0)
        return err;
    if (!s->begun)
        return pass(s, "\"\"", 2);
    if (ym_b64_decode_end(&s->dec) < 0)
        return -EBADMSG;
    if ((err = flush(s)) < 0 || (err = s->sink.end(s->sink.ctx, s->nmedia - 1)) < 0)
        return err;
    int n = snprintf(token, sizeof token, "\"%s%u\"", s->token, s->nmedia - 1);
    return pass(s, token, (size_t)n);
}

/* ---- the scanner: each takes bytes from *p up to end and moves *p on ---- */

static const char *next_quote(struct special *f, const char *p)
{
    if (f->quote < p) {
        const char *q = memchr(p, '"', (size_t)(f->end - p));
        f->quote = q ? q : f->end;
    }
    return f->quote;
}

/* The next quote or backslash, or the end. */
static const char *next_special(struct special *f, const char *p)
{
    if (f->slash < p) {
        const char *q = memchr(p, '\\', (size_t)(f->end - p));
        f->slash = q ? q : f->end;
    }
    const char *quote = next_quote(f, p);
    return quote < f->slash ? quote : f->slash;
}

static void look_at_gap(struct ym_sieve *s, const char *p, const char *end)
{
    for (; p < end && s->gap != GAP_OTHER; p++) {
        if (*p == ':')
            s->gap = s->gap == GAP_BLANK ? GAP_COLON : GAP_OTHER;
        else if (*p == '[')
            s->gap = s->gap == GAP_COLON ? GAP_ARRAY : GAP_OTHER;
        else if (*p == ',')
            s->gap = s->gap == GAP_BLANK ? GAP_COMMA : GAP_OTHER;
        else if (*p != ' ' && *p != '\t' && *p != '\n' && *p != '\r')
            s->gap = GAP_OTHER;
    }
}

/* The string that begins now is to be diverted. */
static bool is_media(const struct ym_sieve *s, bool *ret_in_array)
{
    *ret_in_array = s->gap == GAP_ARRAY ? is_media_key(s, true) : s->gap == GAP_COMMA && s->in_array;
    return *ret_in_array || (s->gap == GAP_COLON && is_media_key(s, false));
}

static int scan_outside(struct ym_sieve *s, struct special *f, const char **p)
{
    const char *quote = next_quote(f, *p);
    look_at_gap(s, *p, quote);
    int err = pass(s, *p, (size_t)(quote - *p));
    *p = quote;
    if (err < 0 || quote == f->end)
        return err;
    *p = quote + 1;
    if (is_media(s, &s->in_array)) {
        s->place = MEDIA;
        s->head = HEAD_FIRST;
        s->nhead = 0;
        s->nescape = 0;
        s->begun = false;
        s->dec = (struct ym_b64_dec){0};
        return 0;
    }
    s->place = TEXT;
    s->escaped = false;
    s->string_at = s->doc.len + 1;
    return pass(s, "\"", 1);
}

static void string_ended(struct ym_sieve *s, size_t len)
{
    s->string_len = len;
    s->place = OUTSIDE;
    s->gap = GAP_BLANK;
}

/* Takes the string that is passing out of the document again and leaves "". */
static int drop_string(struct ym_sieve *s)
{
    s->doc.len = s->string_at;
    s->place = DROPPED;
    return pass(s, "\"", 1);
}

/* TEXT and DROPPED: up to the closing quote, or behind a backslash or the byte it escapes. */
static int scan_string(struct ym_sieve *s, struct special *f, const char **p)
{
    const char *from = *p, *to = from + 1;
    bool closes = false;
    if (s->escaped) {
        s->escaped = false;
    } else {
        to = next_special(f, from);
        closes = to < f->end && *to == '"';
        s->escaped = to < f->end && !closes;
        to += s->escaped;
    }
    *p = to + closes;
    size_t n = (size_t)(to - from), before = s->doc.len - s->string_at;
    int err = 0;
    if (s->place == TEXT)
        err = before + n > s->long_string ? drop_string(s) : pass(s, from, n);
    if (err < 0 || !closes)
        return err;
    bool dropped = s->place == DROPPED;
    string_ended(s, dropped ? 0 : before + n);
    return dropped ? 0 : pass(s, "\"", 1);
}

static int scan_media(struct ym_sieve *s, struct special *f, const char **p)
{
    if (s->nescape > 0)
        return media_escape(s, *(*p)++);
    const char *from = *p, *to = next_special(f, from);
    *p = to;
    int err = media_text(s, from, (size_t)(to - from));
    if (err < 0 || to == f->end)
        return err;
    *p = to + 1;
    if (*to == '\\') {
        s->escape[s->nescape++] = '\\';
        return 0;
    }
    s->string_at = s->doc.len;
    string_ended(s, 0);
    return media_close(s);
}

int ym_sieve_feed(struct ym_sieve *s, const void *data, size_t len)
{
    ym_assert(!s->failed);
    if (len == 0)
        return 0;
    const char *p = data;
    struct special f = {.end = p + len};
    f.quote = memchr(p, '"', len);
    f.slash = memchr(p, '\\', len);
    f.quote = f.quote ? f.quote : f.end;
    f.slash = f.slash ? f.slash : f.end;
    int err = 0;
    while (err == 0 && p < f.end) {
        if (s->place == OUTSIDE)
            err = scan_outside(s, &f, &p);
        else if (s->place == MEDIA)
            err = scan_media(s, &f, &p);
        else
            err = scan_string(s, &f, &p);
        /* How long a string is counts when it has ended: it may still be dropped. */
        if (err == 0 && (s->place == TEXT ? s->string_at : s->doc.len) > s->max_document)
            err = -E2BIG;
    }
    s->failed = err < 0;
    return err;
}

int ym_sieve_end(struct ym_sieve *s, cJSON **ret_doc, struct ym_err *e)
{
    struct ym_err why;
    ym_assert(!s->failed);
    size_t len;
    const char *text = ym_sieve_text(s, &len);
    if (s->place != OUTSIDE)
        return ym_fail(e, YM_AMBIGUOUS, EBADMSG,
                       "The reply was cut off in the middle; it may have been billed.");
    if (ym_json_parse(text, len, s->max_document, ret_doc, &why) < 0)
        return ym_fail(e, YM_AMBIGUOUS, EBADMSG,
                       "The reply is not whole or is no JSON; it may have been billed. %s",
                       why.msg);
    return 0;
}

const char *ym_sieve_text(const struct ym_sieve *s, size_t *ret_len)
{
    *ret_len = s->doc.len;
    return s->doc.data ? s->doc.data : "";
}

int ym_sieve_index(const struct ym_sieve *s, const cJSON *v)
{
    const char *text = cJSON_GetStringValue(v);
    size_t n = strlen(s->token);
    char want[TOKEN_SIZE + 16];
    if (!text || strncmp(text, s->token, n) != 0)
        return -1;
    unsigned long i = strtoul(text + n, NULL, 10);
    if (i >= s->nmedia)
        return -1;
    snprintf(want, sizeof want, "%s%lu", s->token, i); /* no sign, no zeros in front, no tail */
    return strcmp(text, want) == 0 ? (int)i : -1;
}
