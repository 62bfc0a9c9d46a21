/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands, each in its cmd_NAME.c.
 */
#ifndef SRC_COMMANDS_H
#define SRC_COMMANDS_H

#include "src/command.h"

extern const struct command cmd_create, cmd_delete, cmd_events, cmd_exec, cmd_features,
	cmd_help, cmd_kill, cmd_list, cmd_pause, cmd_properties, cmd_ps, cmd_resume,
	cmd_run, cmd_spec, cmd_start, cmd_state, cmd_update;

#endif
