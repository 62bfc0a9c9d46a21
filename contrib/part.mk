# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += contrib/README.md contrib/deps contrib/install-deps contrib/quickstart \
	contrib/guest-kernel

# Made and shipped as the manual page is (man/part.mk).
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = contrib/completions/hull
MAINTAINERCLEANFILES += contrib/completions/hull

contrib/completions/hull: $(libsrc_a_SOURCES) | hull$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) contrib/completions && \
	./hull$(EXEEXT) help --bash-completion >$@.tmp && mv $@.tmp $@
