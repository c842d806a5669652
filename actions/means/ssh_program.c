#include "actions/means/ssh_program.h"

/* The environment every program can rely on. */
static void surroundings(struct text *out)
{
    text_add(out,
             "LC_ALL=C\nexport LC_ALL\n"
             "PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nexport PATH\n"
             "umask 022\ncd /\n");
}

void ssh_program_wrap(const char *script, const char *nonce, bool input, struct text *out)
{
    text_add(out, "{\n");
    surroundings(out);
    text_addf(out, "printf '%%s\\n' '%s begin'\n", nonce);
    if (input)
        text_addf(out, "printf '%%s\\n' '%s ready' >&2\n", nonce);
    text_add(out, "(\n");
    text_add(out, script);
    text_addf(out,
              "\n)\nreconcile_status=$?\nprintf '%%s\\n' \"%s end $reconcile_status\"\nexit "
              "\"$reconcile_status\"\n}\n",
              nonce);
}

/* In the three calls of sudo the command is the same, `sh -s`, because a sudoers rule may name it. -k: what
 * an earlier call cached must not decide whether a line of input is a password or a command. `-n` never asks;
 * with `-S` and one line on its stdin it can try one password only. The password reaches sudo through a pipe
 * from a builtin: it is never an argument of a process. */
void ssh_program_elevate(const char *script, const char *nonce, bool input, bool checked, struct text *out)
{
    _cleanup_(text_wipe) struct text wrapped = {0};
    ssh_program_wrap(script, nonce, input, &wrapped);
    text_add(out, "{\n");
    surroundings(out);
    text_addf(out, "reconcile_say() {\nprintf '%%s\\n' \"%s $1\" >&2\n}\n", nonce);
    text_addf(out, "reconcile_fail() {\nreconcile_say fail\nprintf '%%s\\n' \"$1\" >&2\nexit 1\n}\n");
    if (!input)
        text_addf(out, "reconcile_program() {\ncat <<'%s'\n%s%s\n}\n", nonce, text_str(&wrapped), nonce);
    text_add(out, "if test \"$(id -u)\" = 0; then\n");
    text_add(out, input ? "reconcile_say go\nexec sh -s\n" : "reconcile_program | sh -s\nexit\n");
    text_add(out, "fi\ncommand -v sudo >/dev/null 2>&1 || reconcile_fail 'no sudo'\n"
                  "if reconcile_why=$(sudo -k -n -H sh -s 2>&1 </dev/null); then\n");
    text_add(out, input ? "reconcile_say go\nexec sudo -n -H sh -s\n"
                        : "reconcile_program | sudo -n -H sh -s\nexit\n");
    text_add(out, "fi\ncase $reconcile_why in *'password is required'*) ;; *) reconcile_fail "
                  "\"$reconcile_why\" ;; esac\n"
                  "case $(command -v printf) in printf) ;; *) reconcile_fail 'no builtin printf' ;; esac\n"
                  "reconcile_say ask\nIFS= read -r reconcile_password || exit 1\n");
    if (!checked)
        text_add(
            out,
            "reconcile_why=$(printf '%s\\n' \"$reconcile_password\" | sudo -k -S -p '' -H sh -s 2>&1) ||\n"
            "reconcile_fail \"$reconcile_why\"\n");
    text_add(out, input ? "reconcile_say go\nexec sudo -k -S -p '' -H sh -s\n"
                        : "{ printf '%s\\n' \"$reconcile_password\"; reconcile_program; } | sudo -k -S -p '' "
                          "-H sh -s\nexit\n");
    text_add(out, "}\n");
}
