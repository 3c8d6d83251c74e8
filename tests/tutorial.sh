#!/usr/bin/env bash
# The tutorial's Python program against the sandbox: refused before the role, answered after it, refused with a key.
#
#   tests/tutorial.sh
#
# One walk of tests/clients.sh, with its own environment: azure-ai-inference, azure-identity, openai.
exec "$(dirname "$0")/clients.sh" tutorial
