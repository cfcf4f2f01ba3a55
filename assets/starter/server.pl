# A small web service: says hello, and that it is well.
use strict;
use warnings;
use IO::Socket::INET;

$| = 1;
# The first process of a container gets no signal that it does not ask for.
$SIG{TERM} = sub { print "stopping\n"; exit 0 };

my $port = $ENV{PORT} || 8080;
my $server = IO::Socket::INET->new(LocalPort => $port, Listen => 16, ReuseAddr => 1)
    or die "port $port: $!\n";
print "listening on $port\n";

while (my $client = $server->accept) {
    my $request = <$client> // '';
    # The headers end with an empty line.
    while (defined(my $line = <$client>)) { last if $line =~ /^\r?$/ }
    my (undef, $path) = split ' ', $request;
    $path //= '/';
    my %pages = ('/' => "Hello from a container.\n", '/health' => "ok\n");
    my $status = exists $pages{$path} ? '200 OK' : '404 Not Found';
    my $body = $pages{$path} // "There is nothing at $path.\n";
    print $client "HTTP/1.0 $status\r\nContent-Type: text/plain\r\nContent-Length: ", length $body, "\r\n\r\n$body";
    close $client;
    print "$path $status\n";
}
