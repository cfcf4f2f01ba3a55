#!/bin/sh
echo "starting the proverbs"
exec proverbs
