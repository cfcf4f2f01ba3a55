#!/usr/bin/perl
# An application: says hello to whoever connects, at the address and port that it is told.
use strict;
use warnings;
use IO::Socket::INET;

$SIG{TERM} = sub { exit 0 };
my ($address, $port) = @ARGV;
my $server = IO::Socket::INET->new(LocalAddr => $address // '0.0.0.0', LocalPort => $port // 8000, Listen => 16, ReuseAddr => 1)
    or die "cannot listen: $!";
while (1) {
    my $client = $server->accept or next;
    print $client "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n";
    close $client;
}
