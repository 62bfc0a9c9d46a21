/* SPDX-License-Identifier: Apache-2.0 */
#include "src/version.h"

#include <seccomp.h>

#include "libcontainer/spec/spec.h"

#ifndef HULL_COMMIT /* the makefile defines it, tools that look at the source don't */
#define HULL_COMMIT "unknown"
#endif

/* Only what a spec can use now; test suites look here for what to try. */
static const char features[] =
	""
#ifdef HAVE_LIBSELINUX
	"+SELINUX "
#endif
	"+APPARMOR +CAP +SECCOMP +EBPF +YAJL";

void version_add(struct sbuf *out)
{
	const struct scmp_version *v = seccomp_version();

	sbuf_addf(out, "hull version %s\ncommit: %s\nspec: %s\n", PACKAGE_VERSION,
		  HULL_COMMIT, SPEC_VERSION);
	if (v)
		sbuf_addf(out, "libseccomp: %u.%u.%u\n", v->major, v->minor, v->micro);
	sbuf_addf(out, "%s\n", features);
}
