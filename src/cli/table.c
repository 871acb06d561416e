/* The commands and their options: usage texts, completion and the manual's check are made from
 * these rows. Verbs that the service lets people use (again, retry ...) are rows of its own table.
 */
#include <errno.h>
#include <string.h>

#include "cli_private.h"

/* clang-format off */
const struct opt common_opts[] = {
    /* name, letter, value, help, many, secret */
    {"library",      0,   "DIR",  "the library, or where it is mounted; else the nearest parent folder with .ymago/", false, false},
    {"config",       0,   "FILE", "read this configuration file and no other", false, false},
    {"api-key-file", 0,   "FILE", "file with the key of the Gemini API, mode 0600", false, false},
    {"api-key",      0,   "KEY",  "the key itself; others can see it until it is wiped: prefer --api-key-file", false, true},
    {"json",         0,   NULL,   "print one JSON object instead of text", false, false},
    {"help",         'h', NULL,   "say what the command does", false, false},
    {"version",      'V', NULL,   "print the version", false, false},
    {0},
};

static const struct opt mount_opts[] = {
    {"foreground",   'f', NULL,   "stay in the foreground and log to standard error", false, false},
    {"allow-other",  0,   NULL,   "let other users in (user_allow_other must stand in /etc/fuse.conf)", false, false},
    {NULL,           'o', "OPTS", "mount options, separated by commas: allow_other, library=, config=, api_key_file=, and FUSE's own", true, false},
    {0},
};

static const struct opt umount_opts[] = {
    {"lazy", 'l', NULL, "also while programs use it; it ends when the last of them does", false, false},
    {0},
};

static const struct opt form_opts[] = {
    {"foreground",   'f', NULL,   "stay in the foreground and log to standard error", false, false},
    {NULL,           'o', "OPTS", "mount options, separated by commas", true, false},
    {0},
};

/* What mount(8) hands to its helpers. */
static const struct opt helper_opts[] = {
    {NULL, 'o', "OPTS", "mount options, separated by commas", true, false},
    {NULL, 'f', NULL,   "mount nothing", false, false},
    {NULL, 'n', NULL,   "taken and ignored", false, false},
    {NULL, 's', NULL,   "taken and ignored", false, false},
    {NULL, 'v', NULL,   "taken and ignored", false, false},
    {NULL, 't', "TYPE", "taken and ignored", false, false},
    {NULL, 'N', "NS",   "taken and ignored", false, false},
    {0},
};

static const struct opt image_opts[] = {
    {"output-path",     0, "PATH",   "file or folder to write to, - for standard output; a file that is there is never replaced", false, false},
    {"seed",            0, "N",      "start of the randomness, 0 to 4294967295; -1 is none", false, false},
    {"quality",         0, "Q",      "draft, standard or high", false, false},
    {"aspect-ratio",    0, "W:H",    "width to height, as 16:9", false, false},
    {"negative-prompt", 0, "TEXT",   "what shall not be there", false, false},
    {"from-image",      0, "FILE",   "image to start from or to follow (or its https address); may be repeated", true, false},
    {"model",           0, "MODEL",  "MODEL or PROVIDER/MODEL", false, false},
    {"n",               0, "N",      "how many different pictures, 1 to 64", false, false},
    {"resolution",      0, "SIZE",   "size class of the picture, as 1K, 2K or 4K", false, false},
    {"variation",       0, "K",      "number of the first variation; the same K gives the same picture again", false, false},
    {"max-usd",         0, "USD",    "hold it when it may cost more than this", false, false},
    {0},
};

static const struct opt video_opts[] = {
    {"output-path",     0, "PATH",   "file or folder to write to, - for standard output; a file that is there is never replaced", false, false},
    {"duration",        0, "SECONDS", "how long it shall be", false, false},
    {"seed",            0, "N",      "start of the randomness, 0 to 4294967295; -1 is none", false, false},
    {"quality",         0, "Q",      "draft, standard or high", false, false},
    {"aspect-ratio",    0, "W:H",    "width to height, as 16:9", false, false},
    {"resolution",      0, "SIZE",   "size class of the video, as 720p or 1080p", false, false},
    {"negative-prompt", 0, "TEXT",   "what shall not be there", false, false},
    {"from-image",      0, "FILE",   "image that it begins with (or its https address); further ones are followed", true, false},
    {"last-frame",      0, "FILE",   "image that it ends with", false, false},
    {"audio",           0, "BOOL",   "whether it has sound: true or false", false, false},
    {"model",           0, "MODEL",  "MODEL or PROVIDER/MODEL", false, false},
    {"n",               0, "N",      "how many different videos, 1 to 64", false, false},
    {"variation",       0, "K",      "number of the first variation; the same K gives the same video again", false, false},
    {"max-usd",         0, "USD",    "hold it when it may cost more than this", false, false},
    {0},
};

static const struct opt audio_opts[] = {
    {"output-path",     0, "PATH",   "file or folder to write to, - for standard output; a file that is there is never replaced", false, false},
    {"voice",           0, "VOICE",  "voice that speaks", false, false},
    {"language",        0, "LANG",   "language of speech, as en", false, false},
    {"speed",           0, "X",      "pace of speech; 1 is normal", false, false},
    {"duration",        0, "SECONDS", "how long music shall be", false, false},
    {"format",          0, "FORMAT", "file format, as mp3 or wav", false, false},
    {"seed",            0, "N",      "start of the randomness, 0 to 4294967295; -1 is none", false, false},
    {"model",           0, "MODEL",  "MODEL or PROVIDER/MODEL", false, false},
    {"n",               0, "N",      "how many different recordings, 1 to 64", false, false},
    {"variation",       0, "K",      "number of the first variation; the same K gives the same recording again", false, false},
    {"max-usd",         0, "USD",    "hold it when it may cost more than this", false, false},
    {0},
};

static const struct opt sfx_opts[] = {
    {"output-path",     0, "PATH",   "file or folder to write to, - for standard output; a file that is there is never replaced", false, false},
    {"duration",        0, "SECONDS", "how long it shall be", false, false},
    {"format",          0, "FORMAT", "file format, as mp3 or wav", false, false},
    {"seed",            0, "N",      "start of the randomness, 0 to 4294967295; -1 is none", false, false},
    {"model",           0, "MODEL",  "MODEL or PROVIDER/MODEL", false, false},
    {"n",               0, "N",      "how many different sounds, 1 to 64", false, false},
    {"variation",       0, "K",      "number of the first variation; the same K gives the same sound again", false, false},
    {"max-usd",         0, "USD",    "hold it when it may cost more than this", false, false},
    {0},
};

static const struct opt text_opts[] = {
    {"output-path",     0, "PATH",   "file or folder to write to, - for standard output; a file that is there is never replaced", false, false},
    {"system",          0, "TEXT",   "standing instruction", false, false},
    {"temperature",     0, "X",      "randomness, 0 to 2", false, false},
    {"max-tokens",      0, "N",      "longest text, in tokens", false, false},
    {"from-image",      0, "FILE",   "image that the text is about (or its https address); may be repeated", true, false},
    {"seed",            0, "N",      "start of the randomness, 0 to 4294967295; -1 is none", false, false},
    {"model",           0, "MODEL",  "MODEL or PROVIDER/MODEL", false, false},
    {"n",               0, "N",      "how many different texts, 1 to 64", false, false},
    {"variation",       0, "K",      "number of the first variation; the same K gives the same text again", false, false},
    {"max-usd",         0, "USD",    "hold it when it may cost more than this", false, false},
    {0},
};

static const struct opt models_opts[] = {
    {"kind",    0, "KIND", "only those that make image, video, audio, sfx or text", false, false},
    {"refresh", 0, NULL,   "ask the providers for their own lists first", false, false},
    {0},
};

static const struct opt config_opts[] = {
    {"running", 0, NULL, "that of the engine which works on the library now", false, false},
    {0},
};

static const struct cmd commands[] = {
    {"mount", "DIR", 1, 1, mount_opts, cmd_mount, "mount a folder: pictures appear beside the prompts saved in it",
     "DIR becomes the library itself, or shows the one named by --library. The command returns when the mount works; the engine goes on in the background.", false},
    {"umount", "DIR", 1, 1, umount_opts, cmd_umount, "end a mount; the folder is a plain folder again", NULL, false},
    {"run", "[DIR]", 0, 1, NULL, cmd_run, "one pass over a library without a mount, for cron and CI",
     "Looks through the library, makes what is due, waits for it and prints a summary. Exit code: 0 all done, 3 some failed, 4 something is held.", false},
    {"image", "PROMPT|-", 1, 2, image_opts, cmd_make, "make a picture and write it to a file",
     "The prompt is one argument (use quotes) or comes from standard input (-). `ymago image generate PROMPT` is the same. "
     "The path of each picture is printed on standard output when it is complete. The same command again gives the same picture and costs nothing.", false},
    {"video", "PROMPT|-", 1, 2, video_opts, cmd_make, "make a video and write it to a file",
     "As `ymago image` does. A video takes minutes: interrupt it, and what was sent is fetched by the next `ymago run` or the same command again.", false},
    {"audio", "PROMPT|-", 1, 2, audio_opts, cmd_make, "make speech or music and write it to a file", "As `ymago image` does; which of both it is, the model says.", false},
    {"sfx", "PROMPT|-", 1, 2, sfx_opts, cmd_make, "make a sound effect and write it to a file", "As `ymago image` does.", false},
    {"text", "PROMPT|-", 1, 2, text_opts, cmd_make, "write a text into a file",
     "As `ymago image` does. `--output-path -` prints the text itself.", false},
    {"models", "[PROVIDER[/MODEL]]", 0, 1, models_opts, cmd_models, "what can be made by whom, and at what price",
     "A model that is named is shown with all it takes. Works without a library; a running engine knows what servers list, too.", false},
    {"status", "[DIR]", 0, 1, NULL, cmd_status, "what runs, waits, is held, and today's spend", NULL, false},
    {"wait", "[PATH|JOB ...]", 0, -1, NULL, cmd_wait, "wait until prompts or jobs are finished; prints the results' paths",
     "Without a name it waits until the library is idle. Needs a running engine.", false},
    {"config", "", 0, 0, config_opts, cmd_config, "print the settings in force and where each comes from", NULL, false},
    {"completion", "bash|fish", 1, 1, NULL, cmd_completion, "print a completion script for the shell", NULL, false},
    {"version", "", 0, 0, NULL, cmd_version, "print the version", NULL, false},
    {"help", "[COMMAND]", 0, 1, NULL, cmd_help, "say what a command does", NULL, false},
    {"LIBRARY", "DIR [-o OPTS]", 2, 2, form_opts, cmd_mount_form, "mount as mount(8) and fstab ask for it", NULL, true},
};

const struct cmd cmd_mount_helper =
    {"mount.ymago", "LIBRARY DIR [-o OPTS]", 2, 2, helper_opts, cmd_mount_form, "mount as mount(8) asks for it", NULL, true};
/* clang-format on */

/* A verb of the service as a command. */
static struct cmd verb_cmd(const struct ym_verb *v)
{
    bool usd = strstr(v->args, "[USD]") != NULL, operand = *v->args != 0;
    return (struct cmd){.name = v->name,
                        .args = !operand ? ""
                                : usd    ? "PATH|JOB [USD]"
                                         : "PATH|JOB ...",
                        .min = operand,
                        .max = !operand ? 0
                               : usd    ? 2
                                        : -1,
                        .run = cmd_verb,
                        .help = v->help};
}

/* Those that people may also write to .ymago/ctl. Made once; the command line has one thread. */
#define VERBS_MAX 32
static const struct cmd *verb_cmds(size_t *ret_n)
{
    static struct cmd list[VERBS_MAX];
    static size_t n;
    const struct ym_verb *v;
    for (size_t i = 0; !list[0].name || i > 0; i++) {
        if (!(v = ym_verb_at(i)))
            break;
        if (!v->in_ctl)
            continue;
        ym_assert(n < VERBS_MAX);
        list[n++] = verb_cmd(v);
    }
    *ret_n = n;
    return list;
}

const struct cmd *cmd_at(size_t i)
{
    size_t n;
    const struct cmd *verbs = verb_cmds(&n);
    if (i < YM_COUNT(commands))
        return &commands[i];
    i -= YM_COUNT(commands);
    return i < n ? &verbs[i] : NULL;
}

const struct cmd *cmd_find(const char *name)
{
    const struct cmd *c;
    for (size_t i = 0; (c = cmd_at(i)); i++)
        if (!c->hidden && strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static const struct cmd *form(void)
{
    for (size_t i = 0; i < YM_COUNT(commands); i++)
        if (commands[i].run == cmd_mount_form)
            return &commands[i];
    return NULL;
}

static const struct cmd *fail_unknown(const char *word, struct ym_err *e)
{
    const char *names[YM_COUNT(commands) + VERBS_MAX + 1];
    const struct cmd *c;
    char shown[64];
    size_t n = 0;
    for (size_t i = 0; (c = cmd_at(i)); i++)
        if (!c->hidden)
            names[n++] = c->name;
    names[n] = NULL;
    const char *near = ym_text_suggest(word, names);
    ym_text_show(word, shown, sizeof(shown));
    if (near)
        ym_fail(e, YM_INVALID, EINVAL, "There is no command \"%s\"; did you mean `ymago %s`?",
                shown, near);
    else
        ym_fail(e, YM_INVALID, EINVAL, "There is no command \"%s\"; `ymago help` lists them.",
                shown);
    return NULL;
}

const struct cmd *cmd_of_word(const char *word, bool *ret_keep, struct ym_err *e)
{
    struct stat st;
    const struct cmd *c = cmd_find(word);
    *ret_keep = false;
    if (c)
        return c;
    *ret_keep = strchr(word, '/') || (stat(word, &st) == 0 && S_ISDIR(st.st_mode));
    return *ret_keep ? form() : fail_unknown(word, e);
}
