#!/usr/bin/perl
# A socket proxy: passes on those parts of the engine's API that the environment switches on (CONTAINERS=1), and answers
# 403 to the rest. What only reads passes by its part's name; whatever changes something needs POST=1, too.
use strict;
use warnings;
use IO::Socket::INET;
use IO::Socket::UNIX;
use IO::Select;

my %usual = (EVENTS => 1, PING => 1, VERSION => 1);
my %parts = (
    _ping => 'PING', auth => 'AUTH', build => 'BUILD', commit => 'COMMIT', configs => 'CONFIGS',
    containers => 'CONTAINERS', distribution => 'DISTRIBUTION', events => 'EVENTS', exec => 'EXEC', grpc => 'GRPC',
    images => 'IMAGES', info => 'INFO', networks => 'NETWORKS', nodes => 'NODES', plugins => 'PLUGINS',
    secrets => 'SECRETS', services => 'SERVICES', session => 'SESSION', swarm => 'SWARM', system => 'SYSTEM',
    tasks => 'TASKS', version => 'VERSION', volumes => 'VOLUMES',
);
$SIG{CHLD} = 'IGNORE';
$SIG{TERM} = sub { exit 0 };

sub on { my $name = shift; return defined $ENV{$name} ? $ENV{$name} =~ /^(1|true)$/i : $usual{$name} }

sub permitted {
    my ($method, $path) = @_;
    return 0 unless $path =~ m{^(?:/v[0-9.]+)?/([a-z_]+)};
    my $part = $parts{$1} or return 0;
    return 0 if $path =~ m{/exec(?:[?]|$)} && !on('EXEC');
    return 0 if $method !~ /^(?:GET|HEAD)$/ && !on('POST');
    return on($part);
}

sub serve {
    my $client = shift;
    my $head = '';
    while ($head !~ /\r\n\r\n/) {
        return if length $head > 65536 || !sysread $client, $head, 4096, length $head;
    }
    my ($method, $path) = $head =~ m{^([A-Z]+) (\S+)} or return;
    if (!permitted($method, $path)) {
        my $body = "403 Forbidden\n";
        print $client "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: "
            . length($body) . "\r\n\r\n$body";
        return;
    }
    # One request a connection: the next one has to be looked at, too.
    $head =~ s/\r\nConnection:[^\r]*//i unless $head =~ /\r\nUpgrade:/i;
    $head =~ s/\r\n\r\n/\r\nConnection: close\r\n\r\n/ unless $head =~ /\r\nUpgrade:/i;
    my $engine = IO::Socket::UNIX->new(Peer => '/var/run/docker.sock') or return;
    syswrite $engine, $head;
    my $select = IO::Select->new($client, $engine);
    while (my @ready = $select->can_read) {
        for my $from (@ready) {
            my $to = $from == $client ? $engine : $client;
            return unless sysread $from, my $piece, 65536;
            for (my $done = 0; $done < length $piece;) {
                my $n = syswrite $to, $piece, length($piece) - $done, $done;
                return unless defined $n;
                $done += $n;
            }
        }
    }
}

my $server = IO::Socket::INET->new(LocalAddr => '0.0.0.0', LocalPort => 2375, Listen => 64, ReuseAddr => 1) or die "2375: $!";
while (1) {
    my $client = $server->accept or next;
    my $child = fork;
    if (!defined $child) { close $client; next }
    if ($child == 0) { close $server; serve($client); exit 0 }
    close $client;
}
