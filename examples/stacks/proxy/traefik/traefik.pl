#!/usr/bin/perl
# Stands in for Traefik where its image cannot be had: takes its arguments, listens at its entry points, and answers its
# API at port 8080 with what the environment holds: ANSWER_api_http_routers='[...]' for /api/http/routers.
use strict;
use warnings;
use IO::Socket::INET;
use IO::Select;

$SIG{CHLD} = 'IGNORE';
$SIG{TERM} = sub { exit 0 };
my %ports = map { /^--entrypoints\.\w+\.address=.*:(\d+)$/i ? ($1 => 1) : () } @ARGV;
$ports{8080} = 1 if grep { /^--api\.insecure(?:=true)?$/i } @ARGV;
my $select = IO::Select->new;
for my $port (sort keys %ports) {
    $select->add(IO::Socket::INET->new(LocalAddr => '0.0.0.0', LocalPort => $port, Listen => 16, ReuseAddr => 1) || die "$port: $!");
}
while (my @ready = $select->can_read) {
    for my $server (@ready) {
        my $client = $server->accept or next;
        my $child = fork;
        if (!defined $child || $child) { close $client; next }
        my $line = <$client> // '';
        while (my $header = <$client>) { last if $header =~ /^\r?$/ }
        my ($path) = $line =~ m{^GET (/[^ ?]*)};
        my ($status, $body) = ('404 Not Found', "404 page not found\n");
        if ($server->sockport == 8080 && ($path // '') =~ m{^/api/}) {
            (my $name = $path) =~ s{\W+}{_}g;
            ($status, $body) = ('200 OK', $ENV{"ANSWER$name"} // '[]');
        }
        print $client "HTTP/1.1 $status\r\nContent-Type: application/json\r\nX-Next-Page: 1\r\nConnection: close\r\nContent-Length: "
            . length($body) . "\r\n\r\n$body";
        exit 0;
    }
}
