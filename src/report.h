/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the command line says what happened: --log and stderr.
 */
#ifndef SRC_REPORT_H
#define SRC_REPORT_H

#include "src/command.h"

/* Opens --log and sets cli->log as the options say. Without --log, warnings go to stderr.
 * With it only errors are written unless --log-level or --debug asks for more: callers
 * (podman) read the file as one JSON object, the error. */
int report_open(struct cli *cli, struct err *e);

/* The one report of a failed invocation: an object (or line) of level error in --log, if
 * it was given, and one line on stderr. */
void report_error(struct cli *cli, const struct err *e);

#endif
