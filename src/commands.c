/* SPDX-License-Identifier: Apache-2.0 */
#include "src/commands.h"

#include "base/str.h"

const struct command *const commands[] = {
	&cmd_create, &cmd_start, &cmd_run,      &cmd_exec,  &cmd_kill,       &cmd_delete,
	&cmd_state,  &cmd_list,  &cmd_ps,       &cmd_pause, &cmd_resume,     &cmd_update,
	&cmd_events, &cmd_spec,  &cmd_features, &cmd_help,  &cmd_properties, NULL,
};

const struct command *command_find(const char *name)
{
	for (const struct command *const *c = commands; *c; c++) {
		if (str_eq((*c)->name, name))
			return *c;
	}
	return NULL;
}

bool command_is_planned(const char *name)
{
	static const char *const planned[] = {
		"checkpoint",
		"mounts",
		"restore",
	};

	for (size_t i = 0; i < ARRAY_LEN(planned); i++) {
		if (str_eq(planned[i], name))
			return true;
	}
	return false;
}
