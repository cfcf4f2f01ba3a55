#!/bin/sh
echo "starting the proverbs"
proverbs
