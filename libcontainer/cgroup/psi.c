/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/cgroup/psi.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"

/* "12.34" as 1234: two digits behind the point, always. */
static bool parse_share(const char *text, uint32_t *ret)
{
	char *end;
	unsigned long whole = strtoul(text, &end, 10);

	if (end == text || *end != '.' || whole > UINT32_MAX / 200)
		return false;
	text = end + 1;
	*ret = (uint32_t)(whole * 100 + strtoul(text, &end, 10));
	return end == text + 2;
}

/* "avg10=0.12 avg60=1.00 avg300=0.00 total=4711" */
static bool parse_words(char *words, struct psi_line *ret)
{
	char *rest, *word;
	const char *value;
	unsigned found = 0;

	for (word = strtok_r(words, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest)) {
		if ((value = str_after(word, "avg10=")))
			found += parse_share(value, &ret->avg10);
		else if ((value = str_after(word, "avg60=")))
			found += parse_share(value, &ret->avg60);
		else if ((value = str_after(word, "avg300=")))
			found += parse_share(value, &ret->avg300);
		else if ((value = str_after(word, "total=")))
			found += str_to_u64(value, &ret->total) == 0;
	}
	return found == 4;
}

void psi_read(int dir, const char *name, struct psi *ret)
{
	char text[512], *rest, *line;

	*ret = (struct psi){0};
	if (file_read_line(dir, name, text, sizeof(text)) <= 0)
		return;
	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (str_after(line, "some "))
			ret->set = parse_words(line + strlen("some "), &ret->some);
		/* Of the processors there is none before Linux 5.13. */
		else if (str_after(line, "full "))
			(void)parse_words(line + strlen("full "), &ret->full);
	}
}
