#!/usr/bin/env bash
# The tutorial's Python program against the sandbox: refused before the role, answered after it, refused with a key.
#
#   tests/tutorial.sh
#
# A walk of tests/clients.sh with an environment of its own: azure-ai-inference, azure-identity, openai.
exec "$(dirname "$0")/clients.sh" tutorial
